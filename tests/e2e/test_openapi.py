"""Whatever fits the OpenAPI of a running stack, and what nearly does: no request makes a server fail."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from tests.e2e.stack import Stack

EXAMPLES = 5
"""For each operation: as many that fit as that don't."""


schemathesis.serializer.alias("application/x-ndjson", "application/octet-stream")


def filled(stack: Stack) -> dict[str, str]:
    """One thing of each kind, so that calls find something; their ids by the names of parameters."""

    def post(path: str, body: Any) -> dict[str, Any]:
        answer = httpx.post(f"{stack.url}/v1/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    ontology = post("ontologies", {"name": "o", "classes": [{"name": "car"}]})["ontology_id"]
    dataset = post("datasets", {"name": "d", "ontology_id": ontology})["dataset_id"]
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    }
    post(f"datasets/{dataset}/ground-truth:import", truth)
    post(f"datasets/{dataset}/versions:commit", {})
    model = post("models", {"name": "m", "ontology_id": ontology})["model_id"]
    run = post("model-runs", {"name": "r", "model_id": model, "dataset_id": dataset, "dataset_version": 1})["run_id"]
    results = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]
    job = post(f"model-runs/{run}/predictions:import", results)["job"]
    project = post("projects", {"name": "p"})["project_id"]
    config = post("run-configs", {"name": "c", "config": {}})["run_config_id"]
    stack.get(f"/v1/imports/{job}", wait=30)
    return {
        "ontology_id": ontology,
        "dataset_id": dataset,
        "model_id": model,
        "run_id": run,
        "run_config_id": config,
        "project_id": project,
        "job": job,
        "global_key": "a.jpg",
        "version": "1",
    }


@pytest.mark.timeout(300)
def test_no_request_makes_a_server_fail(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stack(tmp_path_factory.mktemp("openapi") / "data") as stack:
        known = filled(stack)
        described = schemathesis.openapi.from_url(f"{stack.url}/openapi.json")
        operations = [found.ok() for found in described.get_all_operations()]
        assert {"get", "post", "patch", "delete"} <= {operation.method for operation in operations}
        # What deletes comes last, so that the others find what is there.
        operations.sort(key=lambda operation: operation.method == "delete")
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try_out(stack, operation.as_strategy(mode), known)
        assert stack.is_ready()


def try_out(stack: Stack, cases: st.SearchStrategy[Case], known: dict[str, str]) -> None:
    """Send some of the cases, with ids that are there and with ids that are not."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.booleans())
    def send(case: Case, there: bool) -> None:
        if there:
            case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        answer = case.call(base_url=stack.url, timeout=60)
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}\n{stack.said()}"

    with contextlib.suppress(Unsatisfiable):  # where nothing is asked for, nothing can be wrong
        send()
