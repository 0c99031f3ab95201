"""What every answer is made of: one set of types for HTTP, gRPC and the documentation.

Names of fields are names in JSON and in `proto/`. What is undefined is null: not-a-number never leaves a view.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Page(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_page_token: str | None = Field(
        default=None, description="give it as `page_token` for the next page; null at the end"
    )


def _null_if_undefined(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)


Number = Annotated[float | None, BeforeValidator(_null_if_undefined)]
"""A number, or null where it is undefined."""
