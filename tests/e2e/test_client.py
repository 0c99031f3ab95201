"""The client against a real stack: every step, arrays in and out, and the numbers of evaluate() and pycocotools."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import ApiError, AsyncClient, Client, SightlineError
from sightline.client import ConnectionLost, Dataset, DatasetVersion, Ontology, Run
from sightline.client.columns import Columns
from sightline.client.flows.uploading import body_of
from sightline.evaluation import evaluate
from tests.e2e.data import Files, assert_answers_equal_pycocotools, generate
from tests.e2e.gate import Gate
from tests.e2e.joining import kill_one
from tests.e2e.middle import MOST, files_in_parts, hold_the_middle
from tests.e2e.stack import Stack

COUNTS = ("true_positive_count", "false_positive_count", "false_negative_count", "precision", "recall", "f1")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack.url, progress=False) as client:
        yield client


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return generate(tmp_path_factory.mktemp("client"), seed=11, images=30)


def names(files: Files) -> dict[int, str]:
    return {category["id"]: category["name"] for category in files.truth["categories"]}


def predictions(files: Files) -> Columns:
    """The results as arrays, with uuids."""
    keys = {image["id"]: image["file_name"] for image in files.truth["images"]}
    classes = names(files)
    return Columns(
        np.array([keys[each["image_id"]] for each in files.results], object),
        np.array([classes[each["category_id"]] for each in files.results], object),
        np.array([each["bbox"] for each in files.results], float),
        np.array([each["score"] for each in files.results], float),
        np.random.default_rng(1).integers(0, 256, (len(files.results), 16), dtype=np.uint8),
    )


def as_sets(columns: Columns) -> set[tuple[Any, ...]]:
    boxes = [tuple(box) for box in np.asarray(columns.boxes).tolist()]
    return set(zip(columns.row, columns.class_name, boxes, columns.confidence, strict=True))  # type: ignore[arg-type]


def small(client: Client, name: str) -> tuple[Ontology, Dataset, DatasetVersion]:
    """Two rows, one box of truth."""
    ontology = client.ensure_ontology(name, ["car", "person"])
    dataset = client.ensure_dataset(name, ontology)
    dataset.add_rows([{"global_key": key, "width": 640, "height": 480} for key in ("a.jpg", "b/c.jpg")])
    dataset.add_ground_truth(row=["a.jpg"], class_name="car", boxes=[[10, 20, 30, 40]], empty=["b/c.jpg"])
    return ontology, dataset, dataset.commit()


def new_run(client: Client, name: str) -> Run:
    ontology, _, version = small(client, name)
    return client.create_model(name, ontology).create_run(name, version)


def test_numbers_are_those_of_evaluate_and_pycocotools(stack: Stack, client: Client, files: Files) -> None:
    ontology = client.create_ontology("coco", names(files).values())
    dataset = client.create_dataset("coco", ontology)
    assert dataset.add_ground_truth(files.ground_truth).rejected == 0
    version = dataset.commit()
    run = client.create_model("coco", ontology).create_run("arrays", version, config={"epochs": 12})
    job = run.upload(**predictions(files).arguments)
    assert (job.accepted, job.rejected) == (len(files.results), 0)
    job.wait(60)
    assert_answers_equal_pycocotools(stack, run.run_id, files)
    mine = evaluate(files.truth, files.results).metrics(iou=0.5, confidence=0.3)
    answer = run.metrics(iou=0.5, confidence=0.3)
    assert [answer["total"][name] for name in COUNTS] == [mine["total"][name] for name in COUNTS]

    found = run.predictions().to_arrays()
    assert as_sets(found) == as_sets(predictions(files))
    table, arrow = run.predictions().to_pandas(), run.predictions().to_arrow()
    assert len(table) == arrow.num_rows == len(files.results)

    again = client.create_model("coco again", ontology).create_run("table", version)
    again.upload(table, gzip=True).wait(60)
    # The order of equal confidences is that of the upload, so counts are compared, not averages.
    counts = again.metrics(iou=0.5, confidence=0.3)["total"]
    assert [counts[name] for name in COUNTS] == [mine["total"][name] for name in COUNTS]
    rows = run.rows(iou=0.5, confidence=0.3).to_pandas()
    assert rows["tp"].sum() == answer["total"]["true_positive_count"]


def test_every_step_and_every_change_of_mind(client: Client) -> None:
    ontology, dataset, version = small(client, "steps")
    assert (version.version, dataset.draft) == (1, 2)
    assert [row.global_key for row in dataset.rows(labelled=True)] == ["a.jpg", "b/c.jpg"]
    assert dataset.change_row("b/c.jpg", split="test").split == "test"
    assert dataset.change_row("b/c.jpg", asset_url="c.png", ordinal=7).asset_url == "c.png"
    emptied = dataset.change_row("b/c.jpg", asset_url=None)
    assert (emptied.split, emptied.asset_url, emptied.ordinal) == ("test", None, 7)
    assert dataset.row("b/c.jpg").split == "test"
    model = client.create_model("steps", ontology)
    run = model.create_run("first", version)
    first = {"row": "a.jpg", "class_name": "car", "box": [10, 20, 30, 40], "confidence": 0.9}
    job = run.upload([first, {"row": "nowhere.jpg", "class_name": "car", "box": [1, 1, 1, 1]}])
    assert (job.accepted, job.rejected) == (1, 1)
    assert [error.code for error in job.errors()] == ["unknown_row"]
    job.wait(60)
    assert run.metrics()["total"]["f1"] == 1
    assert run.row("a.jpg")["values"]["tp"] == 1
    assert run.confusion_matrix()["run_id"] == run.run_id
    assert run.curves(points=5)["run_id"] == run.run_id

    [said] = run.predictions()
    run.delete_predictions([said.uuid], row=["a.jpg"]).wait(60)
    assert list(run.predictions()) == []

    run.rename("renamed")
    run.configure(None)
    assert run.config == {}
    run.configure({"epochs": 13})
    run.seal()
    with pytest.raises(ApiError) as sealed:
        run.upload([first])
    assert sealed.value.status == 409
    run.reopen()
    run.upload([first]).wait(60)
    assert (run.name, run.config, run.state) == ("renamed", {"epochs": 13}, "open")

    dataset.remove_ground_truth("a.jpg")
    second = dataset.commit()
    assert [change["change"] for change in dataset.compare(1, second.version)] == ["removed"]
    dataset.delete_row("b/c.jpg")
    assert [found.version for found in dataset.versions()] == [2, 1]
    assert [found.name for found in model.runs()] == ["renamed"]
    ontology.add_classes(["bus"])
    assert ontology.version == 2
    dataset.rename("steps, renamed")
    assert client.find_dataset("steps") is None
    run.delete()
    model.delete()
    dataset.delete()
    ontology.delete()
    assert client.find_model("steps") is None


def test_what_is_there_is_found_and_what_differs_is_said(client: Client) -> None:
    ontology, dataset, version = small(client, "ensured")
    assert client.ensure_dataset("ensured", ontology) == client.find_dataset("ensured")
    model = client.ensure_model("ensured", ontology)
    assert model.ensure_run("run", version) == model.ensure_run("run", version)
    with pytest.raises(SightlineError, match="another name"):
        model.ensure_run("run", dataset)
    with pytest.raises(SightlineError, match="another name"):
        client.ensure_model("ensured", client.ensure_ontology("other", ["car"]))
    with pytest.raises(ApiError) as taken:
        client.create_dataset("ensured", ontology)
    assert (taken.value.slug, taken.value.existing_id) == ("name-taken", dataset.dataset_id)
    assert taken.value.type.endswith("/name-taken")


def test_runs_keep_copies_of_a_saved_config(stack: Stack, client: Client) -> None:
    ontology, _, version = small(client, "configured")
    saved = client.create_config("nightly", {"epochs": 12})
    model = client.create_model("configured", ontology)
    first = model.create_run("first", version, config=saved)
    by_name = ("--model", "configured", "--dataset", "configured", "--config-name", "nightly")
    second = client.run(stack.json("runs", "create", "second", *by_name)["run_id"])
    assert client.change_config(saved, config={"epochs": 13}).config == {"epochs": 13}
    third = model.create_run("third", version, config=client.find_config("nightly"))
    assert [each.config for each in (first, second, third)] == [{"epochs": 12}, {"epochs": 12}, {"epochs": 13}]
    assert [(each.name, each.config) for each in client.configs()] == [("nightly", {"epochs": 13})]
    client.delete_config(saved)
    assert client.configs().to_list() == []
    assert client.find_config("nightly") is None
    for run in (first, second, third):
        kept = run.config
        run.refresh()
        assert run.config == kept
    with pytest.raises(ApiError) as gone:
        model.create_run("fourth", version, config=saved)
    assert gone.value.status == 404


def test_a_stream_makes_its_rows_and_truth_comes_later(stack: Stack, client: Client, files: Files) -> None:
    """A run that accepts new rows: predictions first, on a dataset that has none; the numbers are pycocotools'."""
    ontology = client.create_ontology("streamed", names(files).values())
    dataset = client.create_dataset("streamed", ontology)
    run = client.create_model("streamed", ontology).create_run("live", dataset, accepts_new_rows=True)
    said = predictions(files)
    job = run.upload(**said.arguments)
    assert (job.accepted, job.rejected) == (len(files.results), 0)
    job.wait(60)
    assert {row.global_key for row in dataset.rows()} == set(said.row)
    assert run.metrics()["total"]["support"] == 0
    truth = dataset.add_ground_truth(files.ground_truth)
    assert truth.rejected == 0
    truth.wait(60)
    run.wait(60)
    assert_answers_equal_pycocotools(stack, run.run_id, files)


def test_projects(client: Client) -> None:
    """Others are made ready; what is written goes to the current one, which can't be deleted."""
    small(client, "in the current project")
    [current] = [project for project in client.projects() if project.current]
    assert current == client.find_project("default")
    project = client.create_project("night shift", "cameras after ten")
    assert not project.current
    project.rename("late shift")
    project.describe("")
    assert client.find_project("late shift") == client.project(project.project_id) == project
    with pytest.raises(ApiError) as always:
        current.delete()
    assert always.value.slug == "default-project"
    project.delete()
    assert [each.project_id for each in client.projects()] == ["default"]


async def test_the_same_awaited(stack: Stack, files: Files) -> None:
    async with AsyncClient(stack.url, progress=False) as client:
        ontology = await client.create_ontology("awaited", names(files).values())
        dataset = await client.create_dataset("awaited", ontology)
        await dataset.add_ground_truth(files.ground_truth)
        version = await dataset.commit()
        model = await client.create_model("awaited", ontology)
        run = await model.create_run("awaited", version)
        job = await run.upload(**predictions(files).arguments)
        await job.wait(60)
        assert as_sets(await run.predictions().to_arrays()) == as_sets(predictions(files))
        assert [found.run_id async for found in model.runs()] == [run.run_id]
    assert_answers_equal_pycocotools(stack, run.run_id, files)


def test_a_lost_connection_in_mid_upload_loses_and_doubles_nothing(stack: Stack, client: Client) -> None:
    run = new_run(client, "broken")
    boxes = np.tile([[10.0, 20.0, 30.0, 40.0]], (2_000, 1))
    path = stack.data.parent / "broken.ndjson"
    body, _ = body_of(
        None, {"row": ["a.jpg"] * 2_000, "class_name": "car", "boxes": boxes}, (), None, gzip=False, sent=lambda _: None
    )
    path.write_bytes(b"".join(body.chunks()))
    with Gate(stack, "predictions:import", 0.5) as gate, Client(gate.url, progress=False) as through:
        held = through.run(run.run_id)

        def cut() -> None:
            while not gate.is_held():
                time.sleep(0.01)
            gate.cut()

        cutter = threading.Thread(target=cut)
        cutter.start()
        job = held.upload(path)
        cutter.join()
    assert (job.accepted, job.rejected) == (2_000, 0)
    client.job(job.job).wait(60)
    assert len(run.predictions().to_arrays()) == 2_000


def test_a_process_that_is_killed_in_mid_upload_loses_and_doubles_nothing(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    files = files_in_parts(tmp_path)
    dataset = client.create_dataset("killed", client.create_ontology("killed", names(files).values()))
    dataset.add_ground_truth(files.ground_truth)
    model, version = client.create_model("killed", dataset.ontology_id), dataset.commit()
    once, run = (model.create_run(name, version) for name in ("once", "killed"))
    # Without uuids: what was accepted before the kill is known again by its content.
    once.upload(files.predictions).wait(60)
    with Gate(stack, "predictions:import", MOST) as gate, Client(gate.url, progress=False) as through:
        held = through.run(run.run_id)

        def kill_ingest() -> None:
            hold_the_middle(stack, gate)
            kill_one(stack, "ingest", stack.descendants("services.ingest")[-1])
            gate.open()

        killer = threading.Thread(target=kill_ingest)
        killer.start()
        job = held.upload(files.predictions)
        killer.join()
    assert (job.accepted, job.rejected) == (len(files.results), 0)
    client.job(job.job).wait(60)
    assert run.predictions().to_pandas().equals(once.predictions().to_pandas())
    assert run.metrics()["coco"] == once.metrics()["coco"]


def test_a_stack_that_starts_again_is_waited_for(stack: Stack, client: Client) -> None:
    run = new_run(client, "restarted")
    stack.stop()
    with Client(stack.url, retries=0) as impatient, pytest.raises((SightlineError, ConnectionLost)):
        impatient.status()
    starting = threading.Thread(target=stack.start)
    starting.start()
    job = run.upload(row=["a.jpg"], class_name="car", boxes=[[10, 20, 30, 40]], confidence=[0.9])
    starting.join()
    job.wait(60)
    assert run.metrics()["total"]["f1"] == 1
