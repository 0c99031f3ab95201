"""Reads and writes in one description."""

from typing import Any

from services.query.openapi import SCHEMAS, Writes, merged

REF = "$ref"


def described(method: str, **schemas: dict[str, Any]) -> dict[str, Any]:
    content = [{REF: SCHEMAS + name} for name in schemas]
    return {
        "info": {"title": method},
        "paths": {"/v1/datasets": {method: {"responses": {"200": content}}}},
        "components": {"schemas": schemas},
    }


OURS = described("get", Dataset={"a": 1})
THEIRS = described("post", Dataset={"inner": {REF: SCHEMAS + "New"}}, New={"n": [{REF: SCHEMAS + "Dataset"}]})


def test_paths_meet_and_schemas_of_one_name_stay_apart():
    both = merged(OURS, THEIRS, "writes")
    assert set(both["paths"]["/v1/datasets"]) == {"get", "post"}
    assert both["paths"]["/v1/datasets"]["get"] == OURS["paths"]["/v1/datasets"]["get"]
    post = both["paths"]["/v1/datasets"]["post"]
    assert post["tags"] == ["writes"]
    assert [each[REF] for each in post["responses"]["200"]] == [SCHEMAS + "writes_Dataset", SCHEMAS + "New"]
    assert both["components"]["schemas"] == {
        "Dataset": {"a": 1},
        "New": {"n": [{REF: SCHEMAS + "writes_Dataset"}]},
        "writes_Dataset": {"inner": {REF: SCHEMAS + "New"}},
    }
    assert both["info"] == OURS["info"]


async def test_writes_are_added_once_ingest_has_told():
    async def ask() -> dict[str, Any]:
        await writes.stop()
        return THEIRS

    writes = Writes(ask)
    assert writes.add_to(OURS) is OURS
    await writes.run()
    assert "post" in writes.add_to(OURS)["paths"]["/v1/datasets"]
