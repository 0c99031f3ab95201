"""gRPC answers what HTTP answers, under the same names."""

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.query import rpc
from sightline.wire.query.v1 import (
    confusion_matrix_pb2,
    curves_pb2,
    imports_pb2,
    metrics_pb2,
    query_pb2_grpc,
    row_pb2,
    rows_pb2,
    runs_pb2,
    status_pb2,
    thresholds_pb2,
)
from tests.integration.query.conftest import Api
from tests.integration.query.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN = "/v1/model-runs/run_1"
AT = thresholds_pb2.Thresholds(iou=0.4, confidence=0.3)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def channel(shared: Api) -> AsyncIterator[grpc.aio.Channel]:
    server = rpc.GrpcServer(shared.sources, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    await server.stop()


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return query_pb2_grpc.QueryServiceStub(channel)


async def test_an_address_of_ipv6(shared: Api):
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        server = rpc.GrpcServer(shared.sources, "::1", 0)
        await server.start()
        assert server.port
        await server.stop()


def names_and_values(answer: Message, http: Any) -> None:
    """All that HTTP says that isn't null is there, and nothing else."""

    def compare(said: Any, wanted: Any) -> None:
        if isinstance(wanted, dict):
            wanted = {k: v for k, v in wanted.items() if v is not None and v not in ([], {})}
            said = {k: v for k, v in said.items() if v not in ([], {})}
            assert set(said) >= set(wanted)
            for name, value in said.items():
                compare(value, wanted.get(name))
        elif isinstance(wanted, list):
            assert len(said) == len(wanted)
            for one, other in zip(said, wanted, strict=True):
                compare(one, other)
        elif isinstance(wanted, str):
            assert said == wanted
        elif wanted is None:
            assert said in (0, False, "", "0")
        else:
            assert float(said) == wanted

    compare(MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True), http)


async def test_metrics(shared: Api, stub: Any):
    http = await shared.get(f"{RUN}/metrics", iou=0.4, confidence=0.3)
    answer = await stub.GetRunMetrics(metrics_pb2.GetRunMetricsRequest(run_id="run_1", thresholds=AT))
    names_and_values(answer, http)
    assert answer.total.true_positive_count == http["total"]["true_positive_count"]


async def test_thresholds_of_single_classes_and_defaults(shared: Api, stub: Any, world: World):
    first, second = sorted(world.names.values())[:2]
    http = await shared.get(f"{RUN}/metrics", class_confidence=[f"{first}:0.2", f"{second}:null"])
    by_class = {first: thresholds_pb2.ClassThreshold(confidence=0.2), second: thresholds_pb2.ClassThreshold()}
    request = metrics_pb2.GetRunMetricsRequest(
        run_id="run_1", thresholds=thresholds_pb2.Thresholds(class_confidence=by_class)
    )
    names_and_values(await stub.GetRunMetrics(request), http)


async def test_runs(shared: Api, stub: Any):
    names_and_values(await stub.ListRuns(runs_pb2.ListRunsRequest(name="first")), await shared.get("/v1/model-runs"))
    assert not (await stub.ListRuns(runs_pb2.ListRunsRequest(dataset_id="other"))).items
    names_and_values((await stub.GetRun(runs_pb2.GetRunRequest(run_id="run_1"))).run, await shared.get(RUN))


async def test_rows_in_pages(shared: Api, stub: Any):
    token = ""
    for _ in range(3):
        http = await shared.get(
            f"{RUN}/rows", iou=0.4, confidence=0.3, min_fp=1, sort="-iou", page_size=4, page_token=token
        )
        answer = await stub.ListRunRows(
            rows_pb2.ListRunRowsRequest(
                run_id="run_1",
                thresholds=AT,
                fp=rows_pb2.Between(least=1),
                order=rows_pb2.ROW_ORDER_IOU_DESCENDING,
                page_size=4,
                page_token=token,
            )
        )
        names_and_values(answer, http)
        token = answer.next_page_token


async def test_a_row(shared: Api, stub: Any, world: World):
    key = world.truth["images"][3]["file_name"]
    http = await shared.get(f"{RUN}/rows/{key}", iou=0.4, confidence=0.3)
    answer = await stub.GetRunRow(row_pb2.GetRunRowRequest(run_id="run_1", global_key=key, thresholds=AT))
    names_and_values(answer, http)


async def test_curves_and_confusion_matrix(shared: Api, stub: Any):
    names_and_values(
        await stub.GetRunCurves(curves_pb2.GetRunCurvesRequest(run_id="run_1", iou=0.4, points=9)),
        await shared.get(f"{RUN}/curves", iou=0.4, points=9),
    )
    request = confusion_matrix_pb2.GetRunConfusionMatrixRequest(run_id="run_1", thresholds=AT)
    http = await shared.get(f"{RUN}/confusion-matrix", iou=0.4, confidence=0.3)
    names_and_values(await stub.GetRunConfusionMatrix(request), http)


async def test_import_and_status(shared: Api, stub: Any):
    names_and_values(
        await stub.GetImport(imports_pb2.GetImportRequest(job="imp_1", wait=1)), await shared.get("/v1/imports/imp_1")
    )
    names_and_values(await stub.GetStatus(status_pb2.GetStatusRequest()), await shared.get("/v1/status"))


@pytest.mark.parametrize(
    ("method", "request_", "code", "kind"),
    [
        ("GetRun", runs_pb2.GetRunRequest(run_id="none"), grpc.StatusCode.NOT_FOUND, "not-found"),
        ("GetImport", imports_pb2.GetImportRequest(job="none"), grpc.StatusCode.NOT_FOUND, "not-found"),
        (
            "GetRunMetrics",
            metrics_pb2.GetRunMetricsRequest(run_id="run_1", thresholds=thresholds_pb2.Thresholds(iou=0.01)),
            grpc.StatusCode.INVALID_ARGUMENT,
            "iou-out-of-range",
        ),
        (
            "GetRunMetrics",
            metrics_pb2.GetRunMetricsRequest(run_id="run_1", thresholds=thresholds_pb2.Thresholds(iou=float("nan"))),
            grpc.StatusCode.INVALID_ARGUMENT,
            "iou-out-of-range",
        ),
        (
            "ListRunRows",
            rows_pb2.ListRunRowsRequest(run_id="run_1", page_token="x"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "bad-page-token",
        ),
    ],
)
async def test_errors_carry_their_problem(stub: Any, method: str, request_: Message, code: grpc.StatusCode, kind: str):
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await getattr(stub, method)(request_)
    assert failed.value.code() is code
    metadata = dict(failed.value.trailing_metadata() or ())
    assert json.loads(metadata[rpc.PROBLEM_METADATA])["type"].endswith(kind)


async def test_health_and_reflection(channel: grpc.aio.Channel):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", rpc.SERVICE):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    async for listed in reflection.ServerReflectionInfo(asked):
        assert rpc.SERVICE in [service.name for service in listed.list_services_response.service]
