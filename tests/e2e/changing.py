"""Changes of mind over HTTP, made while uploads stand still in their middle, and what must hold once all is over."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.e2e.data import Files, assert_answers_equal_pycocotools, write
from tests.e2e.middle import visible
from tests.e2e.stack import Stack, wait_until
from tests.unit.evaluation.synthetic import coco

NDJSON = {"Content-Type": "application/x-ndjson"}
PATIENCE_SECONDS = 120
LATE = "late class"

Truth = dict[str, Any]
Results = list[dict[str, Any]]


class Upload:
    """A file of which the first part is sent, and the rest when it may go on."""

    def __init__(self, http: httpx.Client, path: str, first: bytes, rest: bytes, headers: dict[str, str]) -> None:
        self._halfway, self._going_on = threading.Event(), threading.Event()
        self._thread = ThreadPoolExecutor(1)

        def body() -> Iterator[bytes]:
            yield first
            self._halfway.set()
            assert self._going_on.wait(PATIENCE_SECONDS)
            yield rest

        self._answer: Future[httpx.Response] = self._thread.submit(http.post, path, content=body(), headers=headers)

    def wait_halfway(self) -> None:
        """Until the first part has been sent."""
        assert self._halfway.wait(PATIENCE_SECONDS)

    def finish(self) -> httpx.Response:
        """Send the rest, and wait for the answer."""
        self._going_on.set()
        with self._thread:
            return self._answer.result(PATIENCE_SECONDS)


class Changes:
    """One project's things, changed in every way while predictions come."""

    def __init__(self, stack: Stack, large: Files, folder: Path) -> None:
        """`large`: files that are accepted in parts."""
        self.stack = stack
        self._large = large
        self._http = httpx.Client(base_url=stack.url, timeout=PATIENCE_SECONDS)
        self._folder = folder
        self._jobs: list[str] = []
        self._expected: list[tuple[str, Files]] = []
        self._gone: list[str] = []
        self._coming: list[Upload] = []

    # ---- before

    def begin(self) -> None:
        """Make what there is to change, and uploads that stand in their middle: the large one partly measured."""
        self._small: tuple[Truth, Results] = coco(18, images=24, classes=4, truths=4, detections=12)
        names = sorted({each["name"] for truth in (self._large.truth, self._small[0]) for each in truth["categories"]})
        self._classes = [{"name": name} for name in names]
        asked = {"name": "changing", "classes": self._classes}
        self._ontology = self._post("/v1/ontologies", asked)["ontology_id"]
        self._model = self._post("/v1/models", {"name": "changing", "ontology_id": self._ontology})["model_id"]
        self._begin_large()
        self._begin_doomed()
        self._begin_early()

    def _begin_large(self) -> None:
        self._main = self._dataset("main")
        self._import_truth(self._main, self._large.truth)
        self._measured = self._run("main", self._main)
        text = self._large.predictions.read_bytes()
        most = len(text) * 95 // 100
        self._upload = self._halves(self._measured, text[:most], text[most:], {"Content-Type": "application/json"})
        wait_until(lambda: visible(self.stack, self._measured), PATIENCE_SECONDS)

    def _begin_doomed(self) -> None:
        """A run, a run on a dataset version, and a run of a dataset; each will go while its predictions come."""
        truth, results = self._small
        lines = [_line(truth, result) for result in results]
        half = len(lines) // 2
        self._doomed: list[str] = []
        for name in ("run", "version", "dataset"):
            dataset = self._dataset(f"doomed {name}")
            self._import_truth(dataset, truth)
            version = self._post(f"/v1/datasets/{dataset}/versions:commit")["version"]
            run = self._run(f"doomed {name}", dataset, dataset_version=version)
            self._doomed.append(
                {
                    "run": f"/v1/model-runs/{run}",
                    "version": f"/v1/datasets/{dataset}/versions/{version}",
                    "dataset": f"/v1/datasets/{dataset}",
                }[name]
            )
            self._gone.append(f"/v1/model-runs/{run}")
            self._coming.append(self._halves(run, b"".join(lines[:half]), b"".join(lines[half:]), NDJSON))
        for upload in self._coming:
            upload.wait_halfway()

    def _begin_early(self) -> None:
        """Predictions before their rows and before any truth."""
        truth, results = self._small
        self._other = self._dataset("other")
        self._early = self._run("early", self._other, accepts_new_rows=True)
        self._uuids = [str(uuid.uuid4()) for _ in results]
        self._predict(self._early, [_line(truth, *each) for each in zip(results, self._uuids, strict=True)])

    # ---- while uploads stand in their middle

    def make(self) -> None:
        """All changes."""
        for path in self._doomed:
            self._delete(path)
        self._change_large()
        self._change_early()
        self._race()
        self._add_a_class()

    def _change_large(self) -> None:
        """Other truth for every second picture, and the row goes whose predictions come last."""
        truth = _changed(self._large.truth)
        self._import_truth(self._main, truth)
        last = self._large.results[-1]["image_id"]
        self._delete(f"/v1/datasets/{self._main}/data-rows/{quote(_keys(truth)[last], safe='')}")
        self._expect(self._measured, _without(truth, last), [r for r in self._large.results if r["image_id"] != last])

    def _change_early(self) -> None:
        """Its truth comes; then each third prediction is replaced under its uuid, and each fifth deleted by it."""
        truth, results = self._small
        self._import_truth(self._other, truth)
        replaced = [{**r, "score": 1 - r["score"], "bbox": [*r["bbox"][:3], r["bbox"][3] + 1]} for r in results[::3]]
        lines = [_line(truth, *each) for each in zip(replaced, self._uuids[::3], strict=True)]
        self._predict(self._early, lines)
        named = [json.dumps({"uuid": each}).encode() + b"\n" for each in self._uuids[::5]]
        self._keep(self._sent(f"/v1/model-runs/{self._early}/predictions:delete", b"".join(named)))
        now = [*results]
        now[::3] = replaced
        self._expect(self._early, truth, [each for place, each in enumerate(now) if place % 5])

    def _race(self) -> None:
        """Commits ask for their turn while an import of truth goes on: it is in a version as a whole, or not at all."""
        before, results = self._small
        after = _changed(before)
        dataset = self._dataset("raced")
        self._import_truth(dataset, before)
        with ThreadPoolExecutor(1) as other:
            importing = other.submit(self._import_truth, dataset, after)
            while not importing.done():
                answer = self._http.post(f"/v1/datasets/{dataset}/versions:commit")
                assert answer.is_success or answer.status_code == 409, answer.text
            importing.result()
        last = self._post(f"/v1/datasets/{dataset}/versions:commit")["version"]
        changed: dict[int, list[Any]] = {}
        for version in range(1, last + 1):
            compared = self.stack.get(f"/v1/datasets/{dataset}/versions:compare", **{"from": version, "to": last})
            changed[version] = compared["items"]
            assert changed[version] in (changed[1], []), "half an import"
        # The first may be the last: no commit had its turn before the import's end.
        for version, truth in {1: before if changed[1] else after, last: after}.items():
            run = self._run(f"raced {version}", dataset, dataset_version=version)
            self._predict(run, [_line(truth, result) for result in results])
            self._expect(run, truth, results)

    def _add_a_class(self) -> None:
        """The ontology gets one more class; a run that is pinned to it predicts it, and truth has it."""
        truth, results = self._small
        classes = [*self._classes, {"name": LATE}]
        version = self._post(f"/v1/ontologies/{self._ontology}/versions", {"classes": classes})["version"]
        number = max(each["id"] for each in truth["categories"]) + 1
        categories = [*truth["categories"], {"id": number, "name": LATE}]
        truth = {**truth, "categories": categories, "annotations": _each(truth["annotations"], 4, category_id=number)}
        results = _each(results, 3, category_id=number)
        dataset = self._dataset("one more")
        self._import_truth(dataset, truth)
        run = self._run("one more", dataset, ontology_version=version)
        self._predict(run, [_line(truth, result) for result in results])
        self._expect(run, truth, results)

    # ---- after

    def finish(self) -> None:
        """Let all uploads go to their end, and wait until everything is measured."""
        self._keep(self._upload.finish())
        for upload in self._coming:
            assert not (answer := upload.finish()).is_server_error, answer.text
        for job in self._jobs:
            wait_until(lambda job=job: self.stack.get(f"/v1/imports/{job}", wait=20)["measured"], PATIENCE_SECONDS)
        self._http.close()

    def check(self) -> None:
        """Numbers are pycocotools', what was deleted is gone, and no event was put aside."""
        for run, files in self._expected:
            assert_answers_equal_pycocotools(self.stack, run, files)
        for path in [*self._gone, *self._doomed[2:]]:
            assert httpx.get(self.stack.url + path, timeout=60).status_code == 404, path
        assert self.stack.get("/v1/dead-letters")["items"] == []

    # ---- calls

    def _dataset(self, name: str) -> str:
        return self._post("/v1/datasets", {"name": name, "ontology_id": self._ontology})["dataset_id"]

    def _run(self, name: str, dataset: str, **more: Any) -> str:
        asked = {"name": name, "model_id": self._model, "dataset_id": dataset, **more}
        return self._post("/v1/model-runs", asked)["run_id"]

    def _import_truth(self, dataset: str, truth: Truth) -> None:
        self._post(f"/v1/datasets/{dataset}/ground-truth:import", truth)

    def _predict(self, run: str, lines: Sequence[bytes]) -> None:
        job = self._keep(self._sent(f"/v1/model-runs/{run}/predictions:import", b"".join(lines)))
        assert (job["accepted"], job["rejected"]) == (len(lines), 0), job

    def _halves(self, run: str, first: bytes, rest: bytes, headers: dict[str, str]) -> Upload:
        return Upload(self._http, f"/v1/model-runs/{run}/predictions:import", first, rest, headers)

    def _sent(self, path: str, lines: bytes) -> httpx.Response:
        return self._http.post(path, content=lines, headers=NDJSON)

    def _keep(self, answer: httpx.Response) -> dict[str, Any]:
        """A job that has to be measured in the end."""
        assert answer.is_success, answer.text
        self._jobs.append(answer.json()["job"])
        return answer.json()

    def _post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def _delete(self, path: str) -> None:
        answer = self._http.delete(path)
        assert answer.is_success, answer.text

    def _expect(self, run: str, truth: Truth, results: Results) -> None:
        self._expected.append((run, write(self._folder / run, truth, results)))


def _keys(truth: Truth) -> dict[int, str]:
    return {image["id"]: image["file_name"] for image in truth["images"]}


def _line(truth: Truth, result: dict[str, Any], name: str | None = None) -> bytes:
    """A prediction in NDJSON; under a uuid, if one is given."""
    classes = {each["id"]: each["name"] for each in truth["categories"]}
    said = {
        "dataRow": {"globalKey": _keys(truth)[result["image_id"]]},
        "name": classes[result["category_id"]],
        "bbox": dict(zip(("left", "top", "width", "height"), result["bbox"], strict=True)),
        "confidence": result["score"],
        **({"uuid": name} if name else {}),
    }
    return json.dumps(said).encode() + b"\n"


def _each(things: list[dict[str, Any]], step: int, **changed: Any) -> list[dict[str, Any]]:
    """The same things, every so-manieth with something changed."""
    return [thing if place % step else {**thing, **changed} for place, thing in enumerate(things)]


def _changed(truth: Truth) -> Truth:
    """Other truth for every second picture: a class further, and a box moved."""
    classes = [each["id"] for each in truth["categories"]]
    after = dict(zip(classes, [*classes[1:], classes[0]], strict=True))
    some = {image["id"] for image in truth["images"][::2]}
    annotations = [
        {**each, "category_id": after[each["category_id"]], "bbox": [each["bbox"][0] + 3, *each["bbox"][1:]]}
        if each["image_id"] in some
        else each
        for each in truth["annotations"]
    ]
    return {**truth, "annotations": annotations}


def _without(truth: Truth, image: int) -> Truth:
    return {
        **truth,
        "images": [each for each in truth["images"] if each["id"] != image],
        "annotations": [each for each in truth["annotations"] if each["image_id"] != image],
    }
