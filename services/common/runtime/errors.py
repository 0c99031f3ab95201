"""Errors for clients: RFC 9457 problem details, made in one place."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from services.common.runtime import invalid
from services.common.runtime.telemetry import get_logger
from sightline.domain.catalog import STEP_MISSING

PROBLEM_TYPES = "https://sightline.dev/problems/"
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error that a client can act on.

    `slug` names the kind of problem and never changes; `detail` says what was wrong, where, and what to do. Neither
    repeats what the client sent. `extra` are further members, such as `existing_id`; `headers` such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        body: dict[str, Any] = {"type": PROBLEM_TYPES + self.slug, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        return body | self.extra


def not_found(what: str, detail: str = "") -> Problem:
    """The thing isn't in this project."""
    return Problem(404, "not-found", f"no such {what}", detail)


def answer(problem: Problem) -> Response:
    """The problem document."""
    return JSONResponse(problem.body(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def say_unavailable(app: FastAPI, outage: type[Exception]) -> None:
    """Answer errors of this type, by which a store or a log says that it can't be reached, with 503."""

    @app.exception_handler(outage)
    async def unavailable(request: Request, error: Exception) -> Response:  # pyright: ignore[reportUnusedFunction]
        get_logger().warning("a store is away", method=request.method, path=request.url.path, reason=str(error)[:300])
        detail = "the log or the read model doesn't answer right now: try again"
        return answer(Problem(503, "unavailable", "not available right now", detail, headers={"Retry-After": "2"}))


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem document."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:  # pyright: ignore[reportUnusedFunction]
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_request: Request, error: RequestValidationError) -> Response:  # pyright: ignore[reportUnusedFunction]
        first = error.errors()[0]
        if place := invalid.unparsable(first, error.body):
            return answer(Problem(400, "malformed-json", "the body is not JSON", place))
        if invalid.unsaid_json(first):
            detail = "send JSON with the header Content-Type: application/json"
            return answer(Problem(415, "unsupported-media-type", "the body is not said to be JSON", detail))
        errors = invalid.faults(error.errors())
        detail = "; ".join(f"{e['where']}: {e['message']}" for e in errors[:3])
        hints: list[dict[str, Any]] = [e["ctx"]["hint"] for e in error.errors() if e["type"] == STEP_MISSING]
        extra: dict[str, Any] = {"errors": errors[:50]} | (hints[0] if hints else {})
        return answer(Problem(422, "invalid-request", "the request is not valid", detail, headers=None, **extra))

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> Response:  # pyright: ignore[reportUnusedFunction]
        if error.status_code == 400:  # the one that FastAPI itself raises
            detail = "it is not UTF-8, nested too deeply, or has a number of thousands of digits"
            return answer(Problem(400, "malformed-json", "the body is not JSON", detail))
        phrase = HTTPStatus(error.status_code).phrase.lower()
        slug = phrase.replace(" ", "-")
        return answer(Problem(error.status_code, slug, phrase, headers=error.headers))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:  # pyright: ignore[reportUnusedFunction]
        get_logger().error("request failed", method=request.method, path=request.url.path, exc_info=error)
        return answer(Problem(500, "internal", "something went wrong here", "the server's log has the details"))
