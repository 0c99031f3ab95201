"""Imports as their answers show them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class RejectedItem(BaseModel):
    """An item that was left out, and why."""

    number: int = Field(description="Place of the item in its list or file, from 1.", examples=[17])
    code: str = Field(examples=["unknown_image"])
    message: str = Field(examples=["The dataset version has no image with this id."])
    where: str = Field(examples=["[16].image_id"])
    uuid: str | None = Field(default=None, description="The item's own, where it has one.")


class ImportJob(BaseModel):
    """An import. FINISHED says that the log has all of it; `measured` is said by GET /v1/imports/{job}."""

    job: str = Field(examples=["imp_2zb4q3vn7x5kcwta"])
    name: str | None = Field(default=None, description="What its client calls it.", examples=["predictions.ndjson"])
    state: Literal["RUNNING", "FINISHED", "FAILED"]
    dataset_id: str
    dataset_version: int
    run_id: str | None = None
    format: str = Field(examples=["coco"])
    mode: Literal["upsert", "replace"] | None = None
    accepted: int = Field(description="Predictions, annotations or rows whose events the log has.", examples=[500_000])
    rejected: int = Field(examples=[1])
    failure: str | None = Field(default=None, description="Why the import failed.")
    rejections: list[RejectedItem] = Field(
        default_factory=list[RejectedItem], description="The first of them; GET /v1/imports/{job}/errors has more."
    )
    warnings: dict[str, int] = Field(
        default_factory=dict[str, int],
        description="Items that look odd, counted by what is odd.",
        examples=[{"zero_size": 0, "outside_picture": 3}],
    )
    begun_unix_ms: int
    ended_unix_ms: int | None = None


class TruthInspection(BaseModel):
    """What a truth file says, without taking it."""

    truth_digest: str = Field(description="Equal for files with the same content; a dataset version has it too.")
    classes: list[str] = Field(description="Names of the categories, in the order of the file.", examples=[["car"]])
    images: int = Field(examples=[5_000])
    annotations: int = Field(examples=[36_335])
    rejected: int = Field(description="Items that an import would leave out.", examples=[0])
    rejections: list[RejectedItem] = Field(default_factory=list[RejectedItem], description="The first of them.")
