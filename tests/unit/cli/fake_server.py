"""The HTTP API, as far as `import coco` knows it, in memory."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from sightline.formats.coco import read_truth, truth_digest

Json = dict[str, Any]


@dataclass
class FakeServer:
    """Answers like a server whose imports take no time. `faults` come first, one a request, by method and path."""

    datasets: list[Json] = field(default_factory=list[Json])
    versions: list[Json] = field(default_factory=list[Json])
    ontologies: list[Json] = field(default_factory=list[Json])
    models: list[Json] = field(default_factory=list[Json])
    runs: list[Json] = field(default_factory=list[Json])
    jobs: list[Json] = field(default_factory=list[Json])
    writes: list[str] = field(default_factory=list[str])
    faults: dict[str, list[httpx.Response | Exception]] = field(
        default_factory=dict[str, list[httpx.Response | Exception]]
    )
    rejections: list[Json] = field(default_factory=list[Json])
    measured_after: int = 0
    draft_digest: str | None = None

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        called = f"{request.method} {re.sub(r'(ds|ont|mdl|run|imp)_[0-9]+', '*', path)}"
        body = request.read()
        if self.faults.get(called):
            fault = self.faults[called].pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        if request.method == "POST" and not called.endswith(":inspect"):
            self.writes.append(called)
        status, answer = self._called(called, path, dict(request.url.params), body)
        return httpx.Response(status, json=answer)

    def _called(self, called: str, path: str, asked: dict[str, str], body: bytes) -> tuple[int, Json]:
        ident = next(iter(re.findall(r"(?:ds|ont|mdl|run|imp)_[0-9]+", path)), "")
        made: dict[str, tuple[list[Json], str, str]] = {
            "ontologies": (self.ontologies, "ont", "ontology_id"),
            "datasets": (self.datasets, "ds", "dataset_id"),
            "models": (self.models, "mdl", "model_id"),
            "model-runs": (self.runs, "run", "run_id"),
        }
        method, noun = called.split(" ")
        if method == "POST" and noun in made:
            things, prefix, key = made[noun]
            thing = {**json.loads(body), key: f"{prefix}_{len(things)}"}
            things.append(thing)
            return 201, thing
        if method == "GET" and noun.removesuffix("/*") in made:
            things, _, key = made[noun.removesuffix("/*")]
            if noun.endswith("/*"):
                return next(
                    ((200, thing) for thing in things if thing[key] == ident), (404, {"title": "no such thing"})
                )
            fits = [
                t for t in things if all(t.get(name) == value for name, value in asked.items() if name != "page_token")
            ]
            return 200, {"items": fits}
        special: dict[str, Callable[[], tuple[int, Json]]] = {
            "GET datasets/*/versions": lambda: (200, {"items": self.versions}),
            "POST datasets/*/versions:commit": self._commit,
            "POST ontologies/*/versions": lambda: self._add_classes(ident, json.loads(body)["classes"]),
            "POST ground-truth:inspect": lambda: self._inspect(body),
            "POST datasets/*/ground-truth:import": lambda: self._import_truth(body),
            "POST model-runs/*/predictions:import": lambda: self._job(len(json.loads(body))),
            "GET imports/*": self._look,
        }
        return special[called]()

    def _commit(self) -> tuple[int, Json]:
        version = {"version": len(self.versions) + 1, "truth_digest": self.draft_digest}
        self.versions.append(version)
        return 200, version

    def _add_classes(self, ident: str, classes: list[Json]) -> tuple[int, Json]:
        ontology = next(thing for thing in self.ontologies if thing["ontology_id"] == ident)
        known = {each["name"] for each in ontology["classes"]}
        ontology["classes"] += [each for each in classes if each["name"] not in known]
        return 200, ontology

    def _inspect(self, body: bytes) -> tuple[int, Json]:
        truth = read_truth([body])
        return 200, {
            "truth_digest": truth.digest(),
            "classes": list(truth.categories.values()),
            "images": len(truth.names),
            "annotations": truth.annotation_count,
            "rejected": truth.rejections.count,
        }

    def _import_truth(self, body: bytes) -> tuple[int, Json]:
        self.draft_digest = truth_digest([body])
        return self._job(len(json.loads(body)["annotations"]))

    def _job(self, items: int) -> tuple[int, Json]:
        job = {
            "job": f"imp_{len(self.jobs)}",
            "state": "FINISHED",
            "accepted": items - len(self.rejections),
            "rejected": len(self.rejections),
            "rejections": self.rejections,
        }
        self.jobs.append(job)
        return 200, job

    def _look(self) -> tuple[int, Json]:
        self.measured_after -= 1
        return 200, {**self.jobs[-1], "measured": self.measured_after < 0}
