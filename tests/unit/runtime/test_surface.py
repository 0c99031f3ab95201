"""Every door of every service. A new one is entered here by hand, with a thought on who may go through it.

There is no authentication yet, so that all are open, and services listen on loopback alone. With API keys, these lists
become what is open without one.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context, Parts
from services.common.runtime.settings import Settings
from services.ingest.__main__ import build as build_ingest
from services.metrics.__main__ import build as build_metrics
from services.query.__main__ import build as build_query
from sightline.domain import steps

EVERY_SERVICE = {
    "GET /docs",
    "GET /docs/oauth2-redirect",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "HEAD /openapi.json",
    "Mount /static-offline-docs",
}

INGEST = EVERY_SERVICE | {
    "POST /v1/datasets",
    "DELETE /v1/datasets/{dataset_id}",
    "PATCH /v1/datasets/{dataset_id}",
    "POST /v1/datasets/{dataset_id}/data-rows",
    "DELETE /v1/datasets/{dataset_id}/data-rows/{global_key:path}",
    "PATCH /v1/datasets/{dataset_id}/data-rows/{global_key:path}",
    "POST /v1/datasets/{dataset_id}/data-rows:import",
    "DELETE /v1/datasets/{dataset_id}/ground-truth/{global_key:path}",
    "POST /v1/datasets/{dataset_id}/ground-truth:import",
    "DELETE /v1/datasets/{dataset_id}/versions/{version}",
    "POST /v1/datasets/{dataset_id}/versions:commit",
    "POST /v1/dead-letters/{letter_id}:drop",
    "POST /v1/dead-letters/{letter_id}:replay",
    "POST /v1/dead-letters:drop",
    "POST /v1/dead-letters:replay",
    "POST /v1/ground-truth:inspect",
    "POST /v1/model-runs",
    "DELETE /v1/model-runs/{run_id}",
    "PATCH /v1/model-runs/{run_id}",
    "POST /v1/model-runs/{run_id}/predictions:delete",
    "POST /v1/model-runs/{run_id}/predictions:import",
    "POST /v1/model-runs/{run_id}:reopen",
    "POST /v1/model-runs/{run_id}:seal",
    "POST /v1/models",
    "DELETE /v1/models/{model_id}",
    "PATCH /v1/models/{model_id}",
    "POST /v1/ontologies",
    "DELETE /v1/ontologies/{ontology_id}",
    "PATCH /v1/ontologies/{ontology_id}",
    "POST /v1/ontologies/{ontology_id}/versions",
    "POST /v1/projects",
    "DELETE /v1/projects/{project_id}",
    "PATCH /v1/projects/{project_id}",
    "POST /v1/run-configs",
    "DELETE /v1/run-configs/{run_config_id}",
    "PATCH /v1/run-configs/{run_config_id}",
}

METRICS = EVERY_SERVICE

QUERY = EVERY_SERVICE | {
    # Passed on to ingest, whatever it takes.
    "DELETE /v1/{path:path}",
    "PATCH /v1/{path:path}",
    "POST /v1/{path:path}",
    "PUT /v1/{path:path}",
    "GET /",
    "GET /v1/datasets",
    "GET /v1/datasets/{dataset_id}",
    "GET /v1/datasets/{dataset_id}/data-rows",
    "GET /v1/datasets/{dataset_id}/data-rows/{global_key:path}",
    "GET /v1/datasets/{dataset_id}/data-rows/{global_key:path}/asset",
    "GET /v1/datasets/{dataset_id}/data-rows/{global_key:path}/thumbnail",
    "GET /v1/datasets/{dataset_id}/ground-truth",
    "GET /v1/datasets/{dataset_id}/ground-truth/{global_key:path}",
    "GET /v1/datasets/{dataset_id}/versions",
    "GET /v1/dead-letters",
    "GET /v1/dead-letters/{dead_letter_id}",
    "GET /asyncapi.yaml",
    "GET /v1/datasets/{dataset_id}/versions/{version}",
    "GET /v1/datasets/{dataset_id}/versions:compare",
    "GET /v1/imports",
    "GET /v1/imports/{job}",
    "GET /v1/imports/{job}/errors",
    "GET /v1/model-runs",
    "GET /v1/model-runs/{run_id}",
    "GET /v1/model-runs/{run_id}/confusion-matrix",
    "GET /v1/model-runs/{run_id}/curves",
    "GET /v1/model-runs/{run_id}/metrics",
    "GET /v1/model-runs/{run_id}/predictions",
    "GET /v1/model-runs/{run_id}/rows",
    "GET /v1/model-runs/{run_id}/rows/{global_key:path}",
    "GET /v1/models",
    "GET /v1/models/{model_id}",
    "GET /v1/ontologies",
    "GET /v1/ontologies/{ontology_id}",
    "GET /v1/ontologies/{ontology_id}/versions",
    "GET /v1/ontologies/{ontology_id}/versions/{version}",
    "GET /v1/projects",
    "GET /v1/projects/{project_id}",
    "GET /v1/run-configs",
    "GET /v1/run-configs/{run_config_id}",
    "GET /v1/status",
    "GET /v1/{path:path}",
}

GRPC = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/sightline.query.v1.QueryService/GetImport",
    "/sightline.query.v1.QueryService/GetRun",
    "/sightline.query.v1.QueryService/GetRunConfusionMatrix",
    "/sightline.query.v1.QueryService/GetRunCurves",
    "/sightline.query.v1.QueryService/GetRunMetrics",
    "/sightline.query.v1.QueryService/GetRunRow",
    "/sightline.query.v1.QueryService/GetStatus",
    "/sightline.query.v1.QueryService/ListRunRows",
    "/sightline.query.v1.QueryService/ListRuns",
}


class GrpcServer:
    """Takes down what is registered, in place of a server."""

    def __init__(self) -> None:
        self.methods: set[str] = set()
        self.services: set[str] = set()

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, object]) -> None:
        self.methods |= {f"/{service}/{method}" for method in handlers}

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        self.services |= {handler.service_name() for handler in handlers}

    def add_insecure_port(self, address: str) -> int:
        assert address.startswith("127.0.0.1:")
        return 1


@pytest.fixture
def grpc_server(monkeypatch: pytest.MonkeyPatch) -> GrpcServer:
    server = GrpcServer()
    monkeypatch.setattr(grpc.aio, "server", lambda **_: server)
    return server


def doors(routes: Iterable[Any]) -> set[str]:
    """`METHOD /path` of every route, whether FastAPI has included it flat or as a router."""
    found: set[str] = set()
    for route in routes:
        if hasattr(route, "original_router"):
            found |= doors(route.original_router.routes)
        else:
            kinds = getattr(route, "methods", None) or {type(route).__name__}
            found |= {f"{kind} {route.path}" for kind in kinds}
    return found


@pytest.mark.parametrize(
    ("name", "build", "expected", "expected_grpc"),
    [
        ("ingest", build_ingest, INGEST, set()),
        ("metrics", build_metrics, METRICS, set()),
        ("query", build_query, QUERY, GRPC),
    ],
)
async def test_every_door_is_on_the_list(
    name: str,
    build: Callable[[Context], Any],
    expected: set[str],
    expected_grpc: set[str],
    tmp_path: Path,
    grpc_server: GrpcServer,
) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    await log.open(topics(2))
    no_store: Any = None
    health = Health()
    parts: Parts = await build(Context(name, Settings(), no_store, health, log))
    app = http_app(name, parts.routers, health, parts.describe)
    assert doors(app.routes) == expected
    assert grpc_server.methods == expected_grpc
    assert grpc_server.services == {method.split("/")[1] for method in expected_grpc}
    await log.close()


def test_the_call_that_mends_a_missing_step_is_a_door() -> None:
    assert {step.http for step in (*steps.STEPS, steps.CONFIG, steps.REOPENED)} <= INGEST
