"""Pages, plain writes, and reads of one moment."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.common.documents import Read, Replace
from services.common.readmodel.collections import under
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.paging import Direction


@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("second", [1, -1])
async def test_pages_hold_everything_once_in_order(store: ReadModel, first: Direction, second: Direction) -> None:
    """With equal values, nulls and missing fields, and documents that come and go meanwhile."""
    chance = random.Random(5)
    documents: list[dict[str, Any]] = [
        {"_id": f"d{i:03}", "a": chance.choice((None, 1, 2.5, 3)), "b": chance.choice((None, "x", "y"))}
        for i in range(60)
    ]
    for document in documents[::7]:
        del document["a"]
    await store.write([Replace("import_jobs", document) for document in documents])

    seen: list[dict[str, Any]] = []
    place = None
    while True:
        page = await store.page("import_jobs", {}, order=(("a", first), ("b", second)), after=place, limit=7)
        seen += page.documents
        await store.replace("import_jobs", {"_id": f"before{len(seen)}", "a": documents[0].get("a"), "b": "w"})
        await store.delete("import_jobs", f"before{len(seen)}")
        if page.place is None:
            break
        assert len(page.documents) == 7
        place = page.place

    everything = (
        await store.database["import_jobs"].find(sort=[("a", first), ("b", second), ("_id", second)]).to_list(None)
    )
    assert seen == everything


async def test_a_full_last_page_has_none_after_it(store: ReadModel) -> None:
    await store.write([Replace("import_jobs", {"_id": i}) for i in range(4)])

    page = await store.page("import_jobs", {}, limit=4)

    assert [document["_id"] for document in page.documents] == [0, 1, 2, 3]
    assert page.place is None


async def test_a_place_that_does_not_fit_is_refused(store: ReadModel) -> None:
    for place in ([1], [1, 2, 3], [{"$gt": ""}, "x"], [[1], "x"]):
        with pytest.raises(ValueError, match="doesn't fit"):
            await store.page("import_jobs", {}, order=(("a", 1),), after=place, limit=1)


async def test_operational_documents_are_written_by_themselves(store: ReadModel) -> None:
    assert await store.insert("import_jobs", {"_id": "job", "owner": "a", "lease": 1})
    assert not await store.insert("import_jobs", {"_id": "job", "owner": "b"})
    assert await store.update("import_jobs", "job", {"$set": {"lease": 2}}, where={"owner": "a"})
    assert not await store.update("import_jobs", "job", {"$set": {"lease": 3}}, where={"owner": "b"})
    assert not await store.update("import_jobs", "none", {"$set": {"lease": 3}})
    assert await store.get("import_jobs", "job") == {"_id": "job", "owner": "a", "lease": 2}
    assert await store.get("import_jobs", "job", {"lease": 1}) == {"_id": "job", "lease": 2}
    assert await store.count("import_jobs", {"owner": "a"}) == 1
    assert await store.delete("import_jobs", "job")
    assert not await store.delete("import_jobs", "job")
    assert await store.get("import_jobs", "job") is None


async def test_a_snapshot_sees_one_moment(store: ReadModel) -> None:
    await store.write([Replace("truths", {"_id": i, "n": 1}) for i in range(50)])
    async with store.snapshot() as moment:
        batches = moment.batches(Read("truths", {}), batch_size=10)
        seen = await anext(batches)
        await store.write([Replace("truths", {"_id": i, "n": 2}) for i in range(80)])
        await store.write([Replace("run_rows", {"_id": 1})])
        async for batch in batches:
            assert len(batch) <= 10
            seen += batch
        assert seen == [{"_id": i, "n": 1} for i in range(50)]
        assert await moment.find(Read("run_rows", {})) == []


async def test_under_names_what_begins_with_these_parts(store: ReadModel) -> None:
    ids = ["p/run_1/a", "p/run_1/ß/b", "p/run_1", "p/run_10/a", "p/run_1@ds/a", "p/run_0/a", "q/run_1/a", "p/run_1/"]
    await store.write([Replace("run_rows", {"_id": id}) for id in ids])

    found = await store.find(Read("run_rows", {"_id": under("p", "run_1")}))

    assert [document["_id"] for document in found] == ["p/run_1/a", "p/run_1/ß/b"]
