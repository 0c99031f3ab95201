"""When an import is measured: progress alone tells."""

from typing import Any

import pytest

from services.query.views.imports import measured

PARTITIONS = 3
RUN = {"source_offset": 4}
VERSION = {"source_offset": 3}


def job(**ends: int) -> dict[str, Any]:
    return {"end_offsets": ends or {str(p): 10 for p in range(PARTITIONS)}}


def at(offset: int = 11, run: int = 4, version: int = 3) -> dict[str, Any]:
    return {
        "offsets": {"predictions": offset, "ground-truth": 99},
        "markers": {"predictions": run, "ground-truth": version},
    }


def everywhere(**changes: int) -> dict[str, Any]:
    return {str(p): at(**changes) for p in range(PARTITIONS)}


def test_measured_when_the_summary_has_passed_ends_and_markers_everywhere():
    assert measured(job(), RUN, VERSION, everywhere(), PARTITIONS)


def test_the_end_itself_must_be_passed():
    assert not measured(job(), RUN, VERSION, everywhere(offset=10), PARTITIONS)


@pytest.mark.parametrize("behind", [{"offset": 10}, {"run": 3}, {"version": 2}])
def test_one_partition_behind_is_not_measured(behind: dict[str, int]):
    """Trace 11: predictions are stored while the version's marker has not passed."""
    assert not measured(job(), RUN, VERSION, everywhere() | {"1": at(**behind)}, PARTITIONS)


def test_markers_count_also_where_the_import_wrote_nothing():
    wrote_one = {"end_offsets": {"0": 10}}
    assert measured(wrote_one, RUN, VERSION, everywhere(offset=0) | {"0": at()}, PARTITIONS)
    assert not measured(wrote_one, RUN, VERSION, {"0": at()}, PARTITIONS)


def test_an_import_of_nothing_but_no_ops_is_measured():
    """Trace 12: what counts is the end, not what changed."""
    assert measured({"end_offsets": {}}, RUN, VERSION, everywhere(offset=0), PARTITIONS)


def test_a_draft_has_no_marker_of_its_version():
    assert measured(job(), RUN, None, everywhere(version=-1), PARTITIONS)


def test_nothing_is_measured_by_a_summary_of_nothing():
    assert not measured(job(), RUN, VERSION, {}, PARTITIONS)
