"""Several processes of every service behind one origin, on both logs: they share the work, and it never shows.

One joins, one is killed with -9, and the numbers are those of pycocotools all the same.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pymongo
import pytest

from sightline.client import Client
from tests.e2e.changing import Changes
from tests.e2e.data import Files, assert_answers_equal_pycocotools, generate, write
from tests.e2e.gate import Gate
from tests.e2e.joining import Joined, address, environment, kill_one, wait_for_all
from tests.e2e.middle import (
    MOST,
    PREDICTIONS,
    assert_broken_off,
    assert_given_up,
    files_in_parts,
    hold_the_middle,
    state,
)
from tests.e2e.stack import Stack, wait_until
from tests.e2e.test_rebuild import rebuild

METRICS, INGESTS, QUERIES = 3, 2, 2


@pytest.fixture(scope="module")
def stack(log_options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    counts = {"metrics": METRICS, "ingest": INGESTS, "query": QUERIES}
    processes = [word for name, count in counts.items() for word in (f"--{name}-processes", str(count))]
    with Stack(tmp_path_factory.mktemp("several") / "data", *log_options, *processes) as stack:
        for name, count in counts.items():
            wait_for_all(stack, name, count)
        yield stack


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An upload that is accepted in parts."""
    return files_in_parts(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return generate(tmp_path_factory.mktemp("small"), seed=3, images=25)


def addresses(stack: Stack, service: str) -> list[str]:
    """Where each process of a service can be asked by itself."""
    return [address(pid) for pid in stack.descendants(f"services.{service}")]


def assert_equal_everywhere(stack: Stack, run_id: str, files: Files) -> None:
    """Whichever query process is asked."""
    for url in addresses(stack, "query"):
        assert_answers_equal_pycocotools(stack.at(url), run_id, files)


def holder_of(stack: Stack, job_id: str) -> int:
    """The ingest process that an import runs in."""
    told = environment(stack.descendants("services.ingest")[0])
    with pymongo.MongoClient[dict[str, Any]](told["SIGHTLINE_MONGO_URL"]) as mongo:
        jobs = mongo[told.get("SIGHTLINE_MONGO_DATABASE", "sightline")]["import_jobs"]
        found = jobs.find_one({"import_id": job_id})
    assert found is not None
    return found["owner"]["pid"]


def make_ontology(url: str, name: str) -> httpx.Response:
    body = {"name": name, "classes": [{"name": "car", "kind": "box"}]}
    return httpx.post(f"{url}/v1/ontologies", json=body, timeout=60)


def test_metrics_processes_come_and_go_in_the_middle_of_an_import(stack: Stack, large: Files, tmp_path: Path) -> None:
    """A fourth joins from outside, one is killed, the fourth leaves: each time the others take over."""
    with Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*large.arguments("come and go"), "--wait", "--json", via=gate.url)
        hold_the_middle(stack, gate)
        with Joined(stack, "metrics", tmp_path / "fourth") as fourth:
            wait_until(lambda: fourth.assigned("metrics.rows"), 60)
            kill_one(stack, "metrics", stack.descendants("services.metrics")[0])
            wait_for_all(stack, "metrics", METRICS)
            assert state(gate) == "RUNNING"
            gate.open()
            said, explained = sending.communicate(timeout=120)
            assert sending.returncode == 0, explained
            run_id = json.loads(said)["run_id"]
            assert_equal_everywhere(stack, run_id, large)
            fourth.leave()
    fewer = write(tmp_path / "fewer", large.truth, large.results[::20])
    assert stack.json(*fewer.arguments("come and go"), "--wait")["run_id"] == run_id
    assert_equal_everywhere(stack, run_id, fewer)


def test_everything_changes_while_metrics_processes_come_and_go(
    stack: Stack, log_options: tuple[str, ...], large: Files, tmp_path: Path
) -> None:
    """The end is that of a clean run with one process, document by document: a replay of the log is one."""
    changes = Changes(stack, large, tmp_path)
    changes.begin()
    with Joined(stack, "metrics", tmp_path / "fourth") as fourth:
        wait_until(lambda: fourth.assigned("metrics.rows"), 60)
        kill_one(stack, "metrics", stack.descendants("services.metrics")[0])
        changes.make()
        changes.finish()
    changes.check()
    code, done = rebuild(stack.data, "--compare", *log_options)
    assert (code, done["equal"]) == (0, True), done


def test_an_ingest_process_is_killed_during_an_upload(stack: Stack, large: Files) -> None:
    """The import ends FAILED, and sending the file again through the other process finishes it."""
    with Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*large.arguments("cut off"), "--wait", via=gate.url)
        run_id = hold_the_middle(stack, gate)["run_id"]
        holder = holder_of(stack, gate.job_id)
        (other,) = set(stack.descendants("services.ingest")) - {holder}
        kill_one(stack, "ingest", holder)
        gate.open()
        assert_broken_off(sending)
    assert_given_up(stack, gate.job_id)
    with Client(address(other)) as client:
        again = client.import_predictions(run_id, large.predictions, mode="replace")
    assert (again.state, again.accepted) == ("FINISHED", len(large.results))
    wait_until(lambda: stack.get(f"/v1/imports/{again.job}", wait=20)["measured"], 120)
    wait_for_all(stack, "ingest", INGESTS)
    assert_equal_everywhere(stack, run_id, large)


def test_clients_go_on_when_a_query_process_is_killed(stack: Stack, large: Files) -> None:
    """New requests are answered by the other one at once, and who waits for numbers waits on."""
    with Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*large.arguments("going on"), "--wait", "--json", via=gate.url)
        hold_the_middle(stack, gate)
        with standing_still(stack.descendants("services.metrics")):
            gate.open()
            gate.wait_for_answer()
            for pid in stack.descendants("services.query"):
                kill_one(stack, "query", pid)
                for _ in range(10):
                    job = stack.get(f"/v1/imports/{gate.job_id}")
                    assert (job["state"], job["measured"]) == ("FINISHED", False)
                wait_until(lambda: all_serve(stack), 60)
            assert sending.poll() is None
        said, explained = sending.communicate(timeout=120)
        assert sending.returncode == 0, explained
        assert_equal_everywhere(stack, json.loads(said)["run_id"], large)


@contextlib.contextmanager
def standing_still(pids: list[int]) -> Generator[None]:
    """Halt processes for a while."""
    processes = [psutil.Process(pid) for pid in pids]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def all_serve(stack: Stack) -> bool:
    """Whether all query processes are there. None is ready while no metrics process is."""
    urls = addresses(stack, "query")
    try:
        return len(urls) == QUERIES and all(httpx.get(url + "/healthz", timeout=5).is_success for url in urls)
    except httpx.TransportError:
        return False


def test_imports_at_the_same_time(stack: Stack, small: Files, tmp_path: Path) -> None:
    """Of other datasets, of the same truth into the same dataset, and of several runs of one model."""
    imports: dict[str, tuple[Files, tuple[object, ...]]] = {}
    for number, share in enumerate((1, 2, 3)):
        part = write(tmp_path / f"part {number}", small.truth, small.results[::share])
        imports[f"shared {number}"] = part, part.arguments("shared", run=f"shared {number}")
    for number in range(2):
        files = generate(tmp_path / f"own {number}", seed=20 + number, images=20)
        imports[f"own {number}"] = files, files.arguments(f"own {number}")
    sending = {name: stack.begin(*words, "--wait", "--json") for name, (_, words) in imports.items()}
    for name, process in sending.items():
        said, explained = process.communicate(timeout=180)
        assert process.returncode == 0, (name, explained)
        files, _ = imports[name]
        assert json.loads(said)["accepted"] == len(files.results)
        assert_equal_everywhere(stack, json.loads(said)["run_id"], files)


def test_what_one_process_wrote_every_other_shows_at_once(stack: Stack) -> None:
    for ingest, query in itertools.product(addresses(stack, "ingest"), addresses(stack, "query")):
        made = make_ontology(ingest, f"shown at once {ingest} {query}").raise_for_status().json()
        shown = httpx.get(f"{query}/v1/ontologies/{made['ontology_id']}", timeout=60)
        assert shown.raise_for_status().json() == made


def test_what_is_measured_every_query_process_shows_at_once(stack: Stack, small: Files, tmp_path: Path) -> None:
    """None shows numbers from before an import that another has called measured."""
    for share in (1, 2):
        part = write(tmp_path / str(share), small.truth, small.results[::share])
        run_id = stack.json(*part.arguments("changing"), "--wait")["run_id"]
        assert_equal_everywhere(stack, run_id, part)


def test_a_page_token_of_one_query_process_is_good_in_the_other(stack: Stack) -> None:
    made = [make_ontology(stack.url, f"paged {number}").json()["ontology_id"] for number in range(5)]
    found: list[str] = []
    token = None
    for url in itertools.cycle(addresses(stack, "query")):
        parameters = {"page_size": 2} | ({"page_token": token} if token else {})
        page = httpx.get(f"{url}/v1/ontologies", params=parameters, timeout=60).raise_for_status().json()
        found += [item["ontology_id"] for item in page["items"]]
        if not (token := page["next_page_token"]):
            break
    assert set(made) <= set(found)
    assert len(found) == len(set(found))
