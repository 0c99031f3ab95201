"""Truth of one row in a version, and what changed between two versions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, World

Boxes = Sequence[tuple[float, float, float, float]]

ONE: Boxes = [(1, 2, 3, 4)]
TWO: Boxes = [(1, 2, 3, 4), (5, 5, 5, 5)]
COMPARE = f"/v1/datasets/{DATASET}/versions:compare"


def truth(key: str, since: int, until: int | None, boxes: Boxes, annotation_id: int = 1) -> Replace:
    count = len(boxes)
    row = f"default/{DATASET}/{key}"
    document = {
        "_id": f"{row}@{since}",
        "row": row,
        "project_id": "default",
        "dataset_id": DATASET,
        "global_key": key,
        "partition": 0,
        "from": since,
        "to": until,
        "ordinal": None,
        "import_id": "",
        "count": count,
        "class_ids": np.ones(count, "<i4").tobytes(),
        "boxes": np.array(boxes, "<f8").tobytes(),
        "areas": np.array([w * h for _, _, w, h in boxes], "<f8").tobytes(),
        "crowds": np.zeros(count, "u1").tobytes(),
        "annotation_ids": np.arange(annotation_id, annotation_id + count, dtype="<i8").tobytes(),
    }
    return Replace("truths", document)


@pytest.fixture
async def api(store: ReadModel, world: World) -> AsyncIterator[Api]:
    """Versions 1 and 3 are committed, 2 was deleted, 4 is the draft."""
    catalog = world.catalog()
    catalog["datasets"][0]["draft"] = 4
    [version] = catalog["dataset_versions"]
    catalog["dataset_versions"].append({**version, "_id": f"default/{DATASET}/3", "version": 3})
    await store.write([Replace(name, document) for name, all in catalog.items() for document in all])
    await store.write(
        [
            truth("same", 1, None, ONE),
            truth("said again", 1, 3, ONE),
            truth("said again", 3, None, ONE, annotation_id=7),
            truth("more", 1, 3, ONE),
            truth("more", 3, None, TWO),
            truth("there and back", 1, 2, ONE),
            truth("there and back", 2, 4, TWO),
            truth("there and back", 4, None, ONE),
            truth("new", 3, None, TWO),
            truth("new@1", 2, None, []),
            truth("gone", 1, 3, []),
            truth("in between", 2, 3, ONE),
            truth("only in the draft", 4, None, ONE),
        ]
    )
    async with opened(store) as api:
        yield api


async def compared(api: Api, before: int, after: int, page_size: int) -> tuple[dict[str, int], dict[str, str]]:
    """Counts, which every page gives, and all changes."""
    asked = {"from": before, "to": after, "page_size": page_size}
    counts: list[dict[str, int]] = []
    changes: dict[str, str] = {}
    token: dict[str, str] = {}
    while True:
        page = await api.get(COMPARE, **asked, **token)
        counts.append({name: page[name] for name in ("added", "removed", "changed")})
        assert len(page["items"]) <= page_size
        changes |= {item["global_key"]: item["change"] for item in page["items"]}
        if page["next_page_token"] is None:
            assert all(count == counts[0] for count in counts)
            return counts[0], changes
        token = {"page_token": page["next_page_token"]}


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
async def test_two_versions(api: Api, page_size: int):
    assert await compared(api, 1, 3, page_size) == (
        {"added": 2, "removed": 1, "changed": 2},
        {"gone": "removed", "more": "changed", "new": "added", "new@1": "added", "there and back": "changed"},
    )
    assert await compared(api, 3, 1, page_size) == (
        {"added": 1, "removed": 2, "changed": 2},
        {"gone": "added", "more": "changed", "new": "removed", "new@1": "removed", "there and back": "changed"},
    )
    assert (await compared(api, 1, 4, page_size))[1] == {
        "gone": "removed",
        "more": "changed",
        "new": "added",
        "new@1": "added",
        "only in the draft": "added",
    }
    assert await compared(api, 3, 3, page_size) == ({"added": 0, "removed": 0, "changed": 0}, {})


async def test_how_many_annotations_there_are(api: Api):
    items = (await api.get(COMPARE, **{"from": 1, "to": 3}))["items"]
    counts = {item["global_key"]: (item["annotations_before"], item["annotations_after"]) for item in items}
    assert counts["more"] == (1, 2)
    assert counts["gone"] == (0, None)
    assert counts["new@1"] == (None, 0)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (1, 5)])
async def test_versions_that_are_not_there(api: Api, before: int, after: int):
    assert await api.refused(COMPARE, **{"from": before, "to": after}) == (404, "not-found")


async def test_questions_that_make_no_sense(api: Api):
    assert await api.refused(COMPARE) == (422, "invalid-request")
    assert await api.refused(COMPARE, **{"from": 0, "to": 1}) == (422, "invalid-request")
    token = (await api.get(COMPARE, **{"from": 1, "to": 3, "page_size": 1}))["next_page_token"]
    assert await api.refused(COMPARE, **{"from": 3, "to": 1, "page_token": token}) == (422, "bad-page-token")


async def test_the_truth_of_a_row(api: Api, world: World):
    path = f"/v1/datasets/{DATASET}/ground-truth"
    there = await api.get(f"{path}/more")
    assert there["version"] == 4
    assert [annotation["box"] for annotation in there["annotations"]] == [list(box) for box in TWO]
    first = there["annotations"][0]
    assert (first["class_name"], first["area"], first["crowd"], first["annotation_id"]) == (
        world.names[1],
        12,
        False,
        1,
    )
    assert len((await api.get(f"{path}/more", version=1))["annotations"]) == 1
    assert (await api.get(f"{path}/gone", version=1))["annotations"] == []
    for missing in ({"version": 3}, {}):
        assert await api.refused(f"{path}/gone", **missing) == (404, "not-found")
    assert await api.refused(f"{path}/more", version=2) == (404, "not-found")
    assert await api.refused("/v1/datasets/none/ground-truth/more") == (404, "not-found")
