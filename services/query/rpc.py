"""gRPC: the same views as HTTP under the same names, health and reflection, and nothing but transport."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import grpc
import msgspec
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.runtime.errors import Problem
from services.common.runtime.telemetry import get_logger
from services.query.answers import LARGEST_PAGE, PAGE_SIZE, Answer
from services.query.sources import Sources
from services.query.thresholds import Thresholds
from services.query.views import confusion_matrix, curves, imports, metrics, row, rows, runs, status
from sightline.evaluation.conventions import DEFAULT_CONFIDENCE, DEFAULT_IOU
from sightline.wire.query.v1 import (
    confusion_matrix_pb2,
    curves_pb2,
    imports_pb2,
    metrics_pb2,
    query_pb2,
    query_pb2_grpc,
    row_pb2,
    rows_pb2,
    runs_pb2,
    status_pb2,
    thresholds_pb2,
)

SERVICE = query_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name
PROBLEM_METADATA = "sightline-problem-bin"

CURVE_POINTS = 200
STOP_SECONDS = 5.0

_CODES = {
    404: grpc.StatusCode.NOT_FOUND,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}

_SORTS: dict[int, rows.Sort] = {
    rows_pb2.ROW_ORDER_UNSPECIFIED: "ordinal",
    rows_pb2.ROW_ORDER_CONFIDENCE_ASCENDING: "confidence",
    rows_pb2.ROW_ORDER_CONFIDENCE_DESCENDING: "-confidence",
    rows_pb2.ROW_ORDER_IOU_ASCENDING: "iou",
    rows_pb2.ROW_ORDER_IOU_DESCENDING: "-iou",
}

_aio_health: Any = health.aio  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

Response = TypeVar("Response", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]


class QueryService(query_pb2_grpc.QueryServiceServicer):
    """Each RPC asks one view."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def turn_to(self, sources: Sources) -> None:
        """Answer from these, what is asked from now on."""
        self._sources = sources

    async def ListRuns(self, request: runs_pb2.ListRunsRequest, context: Context) -> runs_pb2.ListRunsResponse:
        """Model runs, the newest first."""
        asking = runs.runs(
            self._sources.reads,
            name=request.name or None,
            model_id=request.model_id or None,
            dataset_id=request.dataset_id or None,
            page_size=_page_size(request.page_size),
            page_token=request.page_token,
        )
        return await _answer(context, asking, runs_pb2.ListRunsResponse())

    async def GetRun(self, request: runs_pb2.GetRunRequest, context: Context) -> runs_pb2.GetRunResponse:
        """One run."""
        response = runs_pb2.GetRunResponse()
        await _answer(context, runs.run(self._sources, request.run_id), response.run)
        return response

    async def GetRunMetrics(
        self, request: metrics_pb2.GetRunMetricsRequest, context: Context
    ) -> metrics_pb2.GetRunMetricsResponse:
        """Metrics at any thresholds."""

        async def asking() -> metrics.RunMetrics:
            return await metrics.run_metrics(self._sources, request.run_id, _thresholds(request.thresholds))

        return await _answer(context, asking(), metrics_pb2.GetRunMetricsResponse())

    async def GetRunCurves(
        self, request: curves_pb2.GetRunCurvesRequest, context: Context
    ) -> curves_pb2.GetRunCurvesResponse:
        """Precision and recall along the confidence."""
        iou = request.iou if request.HasField("iou") else DEFAULT_IOU
        points = min(max(request.points or CURVE_POINTS, 2), curves.MOST_POINTS)
        asking = curves.run_curves(self._sources, request.run_id, iou=iou, points=points)
        return await _answer(context, asking, curves_pb2.GetRunCurvesResponse())

    async def GetRunConfusionMatrix(
        self, request: confusion_matrix_pb2.GetRunConfusionMatrixRequest, context: Context
    ) -> confusion_matrix_pb2.GetRunConfusionMatrixResponse:
        """Which class is taken for which."""

        async def asking() -> confusion_matrix.ConfusionMatrix:
            at = _thresholds(request.thresholds)
            return await confusion_matrix.run_confusion_matrix(self._sources, request.run_id, at)

        return await _answer(context, asking(), confusion_matrix_pb2.GetRunConfusionMatrixResponse())

    async def ListRunRows(self, request: rows_pb2.ListRunRowsRequest, context: Context) -> rows_pb2.ListRunRowsResponse:
        """Rows of a run."""

        async def asking() -> Answer:
            query = rows.RowQuery(
                thresholds=_thresholds(request.thresholds),
                classes=tuple(request.classes),
                confidence=_between(request.confidence),
                iou=_between(request.iou),
                tp=_between(request.tp),
                fp=_between(request.fp),
                fn=_between(request.fn),
                sort=_SORTS.get(request.order, "ordinal"),
            )
            size = _page_size(request.page_size)
            return await rows.run_rows(
                self._sources, request.run_id, query, page_size=size, page_token=request.page_token
            )

        return await _answer(context, asking(), rows_pb2.ListRunRowsResponse())

    async def GetRunRow(self, request: row_pb2.GetRunRowRequest, context: Context) -> row_pb2.GetRunRowResponse:
        """One row in full."""

        async def asking() -> row.RunRowInFull:
            at = _thresholds(request.thresholds)
            return await row.run_row(self._sources, request.run_id, request.global_key, at)

        return await _answer(context, asking(), row_pb2.GetRunRowResponse())

    async def GetImport(self, request: imports_pb2.GetImportRequest, context: Context) -> imports_pb2.GetImportResponse:
        """An import."""
        wait = min(max(request.wait, 0.0), imports.LONGEST_WAIT)
        asking = imports.import_job(self._sources, request.job, wait=wait)
        return await _answer(context, asking, imports_pb2.GetImportResponse())

    async def GetStatus(self, request: status_pb2.GetStatusRequest, context: Context) -> status_pb2.GetStatusResponse:
        """How the server is doing."""
        return await _answer(context, status.status(self._sources), status_pb2.GetStatusResponse())


class GrpcServer:
    """Serves gRPC beside HTTP, on a port of its own, which other processes may share."""

    def __init__(self, sources: Sources, host: str, port: int, *, shared: bool = False) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", int(shared)),))
        self._health = _aio_health.HealthServicer()
        add_to: Any = self._server  # the generated functions say nothing of types
        self._service = QueryService(sources)
        query_pb2_grpc.add_QueryServiceServicer_to_server(self._service, add_to)  # pyright: ignore[reportUnknownMemberType]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, add_to)  # pyright: ignore[reportUnknownMemberType]
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self.port = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def turn_to(self, sources: Sources) -> None:
        """Answer from these, what is asked from now on."""
        self._service.turn_to(sources)

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.start()
        for name in (SERVICE, ""):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def run(self) -> None:
        """Serve until `stop`."""
        await self.start()
        get_logger().info("serving gRPC", port=self.port)
        await self._server.wait_for_termination()

    async def stop(self) -> None:
        """Finish what is in hand."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(STOP_SECONDS)


async def _answer(context: Context, asking: Awaitable[Answer], response: Response) -> Response:
    """Fill a response from an answer: fields have the same names, and what is null is absent."""
    try:
        answer = await asking
    except Problem as problem:
        await context.abort(
            _CODES.get(problem.status, grpc.StatusCode.UNKNOWN),
            str(problem),
            ((PROBLEM_METADATA, msgspec.json.encode(problem.body())),),
        )
    except Exception as error:
        get_logger().error("request failed", service=SERVICE, response=type(response).__name__, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, "something went wrong here: the server's log has the details")
    return ParseDict(answer.model_dump(), response)


def _thresholds(asked: thresholds_pb2.Thresholds) -> Thresholds:
    return Thresholds(
        iou=asked.iou if asked.HasField("iou") else DEFAULT_IOU,
        confidence=asked.confidence if asked.HasField("confidence") else DEFAULT_CONFIDENCE,
        class_confidence={
            name: threshold.confidence if threshold.HasField("confidence") else None
            for name, threshold in asked.class_confidence.items()
        },
    )


def _between(asked: rows_pb2.Between) -> rows.Between:
    return rows.Between(
        asked.least if asked.HasField("least") else None, asked.most if asked.HasField("most") else None
    )


def _page_size(asked: int) -> int:
    return min(asked or PAGE_SIZE, LARGEST_PAGE)
