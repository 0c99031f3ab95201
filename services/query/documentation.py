"""What OpenAPI says beside the types: problems, examples, titles."""

from __future__ import annotations

from typing import Any

from services.common.runtime.errors import MEDIA_TYPE, PROBLEM_TYPES

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = """\
Where your models are wrong, at any threshold.

Reads are answered here; writes under `/v1` are passed on to the ingest service. Numbers that are undefined are null.
Lists come in pages: give `next_page_token` back as `page_token`, with the same filters. Errors are problem documents
(RFC 9457) with a stable `type`.
"""

TAGS = [
    {"name": "runs", "description": "Model runs and what they are worth."},
    {"name": "rows", "description": "Data rows, their truth, and what a run got right and wrong on each."},
    {"name": "imports", "description": "Import jobs."},
    {"name": "dead letters", "description": "Events that can never be applied, and what becomes of them."},
    {"name": "catalog", "description": "Projects, datasets and their versions, ontologies, models, saved configs."},
    {"name": "writes", "description": "What is passed on to the ingest service."},
    {"name": "status", "description": "How the server is doing."},
]


def _problem(status: int, slug: str, title: str, detail: str) -> dict[str, Any]:
    example = {"type": PROBLEM_TYPES + slug, "title": title, "status": status, "detail": detail}
    schema = {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    }
    return {"description": title, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


PROBLEMS: Responses = {
    404: _problem(404, "not-found", "no such model run", "GET /v1/model-runs lists those of this project"),
    422: _problem(422, "iou-out-of-range", "the IoU is out of range", "it must be from 0.05 to 1"),
    503: _problem(503, "catching-up", "this service has not caught up with the run", "try again"),
}

NDJSON_ERRORS: Responses = {
    200: {
        "description": "one object a line",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"number":17,"code":"unknown_image","where":"[16].image_id",'
                '"message":"The dataset version has no image with this id."}\n',
            }
        },
    }
}


def _lines_or_coco(line: str, coco: Any) -> Responses:
    content: dict[str, Any] = {
        "application/x-ndjson": {"schema": {"type": "string"}, "example": line + "\n"},
        "application/json": {"schema": {}, "example": coco},
    }
    return {200: {"description": "lines, or with `format=coco` one JSON document", "content": content}}


_LINE = '{"dataRow":{"globalKey":"a.jpg"},"name":"car","bbox":{"top":20.0,"left":10.0,"height":40.0,"width":30.0}'
PREDICTIONS = _lines_or_coco(
    _LINE + ',"confidence":0.93,"uuid":"9d1e2f3a-4b5c-4d6e-8f70-8192a3b4c5d6"}',
    [{"image_id": 7, "category_id": 3, "bbox": [10.0, 20.0, 30.0, 40.0], "score": 0.93}],
)
GROUND_TRUTH = _lines_or_coco(
    _LINE + "}",
    {
        "categories": [{"id": 3, "name": "car"}],
        "images": [{"id": 7, "file_name": "a.jpg", "width": 640, "height": 480}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10.0, 20.0, 30.0, 40.0], "area": 1200.0, "iscrowd": 0}
        ],
    },
)

THUMBNAIL: Responses = {
    200: {"description": "a picture", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "the one that the client has is still right"},
    422: _problem(422, "not-an-image", "the asset is no image that is read here", "the asset is none of JPEG, PNG"),
}

ASSET_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=300",
}
"""An asset is data: a browser must not run what somebody put below the asset root."""

_COCO = {
    "map": 0.412,
    "map_50": 0.633,
    "map_75": 0.447,
    "map_small": 0.2,
    "map_medium": 0.45,
    "map_large": 0.55,
    "mar_1": 0.33,
    "mar_10": 0.51,
    "mar_100": 0.53,
    "mar_small": 0.31,
    "mar_medium": 0.57,
    "mar_large": None,
}
_RATIOS = {
    "precision": 0.8,
    "recall": 0.6666666666666666,
    "f1": 0.7272727272727273,
    "support": 12,
    "true_positive_count": 8,
    "false_positive_count": 2,
    "false_negative_count": 4,
}

METRICS: dict[str, Any] = {
    "run_id": "run_7f3c",
    "dataset_id": "ds_51a0",
    "dataset_version": 1,
    "iou": 0.5,
    "confidence": 0.5,
    "coco": _COCO,
    "total": _RATIOS | {"macro_precision": 0.8, "macro_recall": 0.6666666666666666, "macro_f1": 0.7272727272727273},
    "classes": {"car": _RATIOS | _COCO | {"confidence": 0.5}},
    "rows_in_scope": 5,
    "rows_predicted": 4,
    "freshness": {
        "counts_at": {"0": 12, "1": 9},
        "coco_at": {"0": 12, "1": 8},
        "coco_computed_unix_ms": 1767225600000,
        "coco_predictions": 48211,
        "coco_behind": True,
    },
}


def example(answer: dict[str, Any]) -> Responses:
    """An example of a good answer."""
    return {200: {"content": {"application/json": {"example": answer}}}}
