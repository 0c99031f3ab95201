"""What `help()` and completion see of methods that are bound flows: what a person would have written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

C = TypeVar("C", bound=Callable[..., Any])


def signed(method: C, flow: Callable[..., Any], returns: str = "{}") -> C:
    """Give a method the signature of its flow, with `self` first. In `returns` {} stands for what the flow returns."""
    of_flow = inspect.signature(flow)
    first, *others = of_flow.parameters.values()
    itself = first.replace(name="self", annotation=inspect.Parameter.empty)
    result = str(of_flow.return_annotation).partition("[")[2].removesuffix("]")
    method.__signature__ = of_flow.replace(  # pyright: ignore[reportFunctionMemberAccess]
        parameters=[itself, *others], return_annotation=returns.format(result)
    )
    return method


def name_after_attributes(kind: type) -> None:
    """Give the methods of a class the names that they have there."""
    for name, method in vars(kind).items():
        if inspect.isfunction(method):
            method.__name__, method.__qualname__, method.__module__ = name, f"{kind.__name__}.{name}", kind.__module__
