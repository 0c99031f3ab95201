"""Data rows: what a dataset consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field

from sightline.domain.catalog import Asked, Changes
from sightline.domain.names import NAME_LIMIT, name_fault
from sightline.domain.ordinals import LEAST_ORDINAL, MOST_ORDINAL
from sightline.domain.splits import UNASSIGNED, Split

Side = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1, description="Pixels.", examples=[640])]
Ordinal = Annotated[
    int,
    Field(
        strict=True,
        ge=LEAST_ORDINAL,
        le=MOST_ORDINAL,
        description="Place in the dataset's own order.",
        examples=[17],
    ),
]
AssetUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2_000,
        description="A path below the asset root, or an address.",
        examples=["crossing/a.jpg"],
    ),
]
Metadata = Annotated[
    dict[str, Any], Field(description="One JSON object, 64 KiB at most.", examples=[{"light": "dusk"}])
]


def _is_a_name(name: str) -> str:
    if fault := name_fault(name):
        raise ValueError(fault)
    return name


class DataRowAsked(Asked):
    """A data row to be made."""

    global_key: Annotated[str, AfterValidator(_is_a_name)] = Field(
        min_length=1, max_length=NAME_LIMIT, examples=["crossing/a.jpg"]
    )
    ordinal: Ordinal | None = None
    asset_url: AssetUrl | None = None
    width: Side | None = None
    height: Side | None = None
    split: Split = "unassigned"
    metadata: Metadata = Field(default_factory=dict)


class DataRowChanges(Changes):
    """What is to be changed of a data row. Metadata is replaced whole."""

    empty: ClassVar[Mapping[str, Any]] = {
        "ordinal": None,
        "asset_url": None,
        "width": None,
        "height": None,
        "split": UNASSIGNED,
        "metadata": {},
    }

    ordinal: Ordinal | None = None
    asset_url: AssetUrl | None = None
    width: Side | None = None
    height: Side | None = None
    split: Split | None = None
    metadata: Metadata | None = None


class DataRow(BaseModel):
    """A data row."""

    dataset_id: str = Field(examples=["ds_b7xk2m4q5zv3tnra"])
    global_key: str = Field(examples=["crossing/a.jpg"])
    ordinal: int | None
    asset_url: str | None
    width: int | None
    height: int | None
    split: str = Field(examples=["validation"])
    metadata: dict[str, Any]


class DataRowDeleted(BaseModel):
    """A data row that is gone, with its truth in every version and its predictions in every run."""

    dataset_id: str
    global_key: str
