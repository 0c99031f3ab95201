"""What every answer is made of: one set of types for HTTP, gRPC and the documentation.

Names of fields are names in JSON and in `proto/`. What is undefined is null: not-a-number can't be in an answer.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")

Number = float | None
"""A number, or null where it is undefined."""

PAGE_SIZE = 100
LARGEST_PAGE = 1000
"""Items of a page: as many where nothing is asked, and at most."""


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Page(Answer, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_page_token: str | None = Field(
        default=None, description="give it as `page_token` for the next page; null at the end"
    )
