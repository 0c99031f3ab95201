"""What a row doesn't hold is rejected item by item, before any of it is written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from services.ingest.importing import truth as import_truth
from services.ingest.importing.id_lookup import Lookup
from services.ingest.importing.jobs import Job
from services.ingest.importing.row_room import Room
from sightline.formats.coco import read_truth


@pytest.fixture
def job() -> Job:
    log: Any = None
    return Job("p", "imp", "truth", "d", 1, log)


def test_an_image_with_too_many_annotations_keeps_its_truth(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_truth, "MOST_TRUTHS", 2)
    images = [(1, 2), (2, 3), (3, 0)]
    file = {
        "images": [{"id": id, "file_name": f"{id}.jpg"} for id, _ in images],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "unknown"}],
        "annotations": [
            {"id": n, "image_id": id, "category_id": 2 if (id, n) == (2, 0) else 1, "bbox": [0, 0, 1, 1]}
            for id, count in images
            for n in range(count)
        ],
    }
    truth = read_truth([json.dumps(file).encode()])
    said = import_truth._said(job, truth, Lookup({1: 1}))
    assert dict(zip(truth.names, said.tolist(), strict=True)) == {"1.jpg": True, "2.jpg": False, "3.jpg": True}
    assert [(r.number, r.code, r.where) for r in job.rejections.kept] == [
        (3, "unknown_class", "annotations[2]"),
        (4, "too_many_in_row", "annotations[3]"),
        (5, "too_many_in_row", "annotations[4]"),
    ]
    assert "more than 100,000 annotations" in job.rejections.kept[2].message


def test_predictions_beyond_what_a_row_holds_are_left_out_over_all_blocks_of_an_upload() -> None:
    room = Room(most=2)
    blocks = [(0, 1, 0, 0, 2), (), (1, 0, 1, 2)]
    assert [room.without(np.array(rows, np.int32)).tolist() for rows in blocks] == [
        [False, False, False, True, False],
        [],
        [False, True, True, False],
    ]
