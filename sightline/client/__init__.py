"""The client of Sightline's HTTP API, for scripts and notebooks.

    import sightline

    client = sightline.Client()  # SIGHTLINE_URL, or this machine
    ontology = client.create_ontology("street scenes", ["car", "person"])
    dataset = client.create_dataset("crossings, May", ontology)
    dataset.add_rows([{"global_key": "a.jpg", "width": 640, "height": 480}])
    dataset.add_ground_truth(row=["a.jpg"], class_name="car", boxes=[[10, 20, 30, 40]])
    version = dataset.commit()
    run = client.create_model("yolo-s", ontology).create_run("epoch 12", version)
    run.upload(row=["a.jpg"], class_name="car", boxes=[[11, 19, 30, 42]], confidence=[0.93]).wait()
    run.metrics(iou=0.5, confidence=0.3)

`AsyncClient` has the same methods, to be awaited. Every error is a `SightlineError`: the server isn't there
(`Unreachable`), the connection broke (`ConnectionLost`), or the server said no (`ApiError`, with the problem's stable
`slug`).

What the methods ask is said once, in `flows`, as generators of calls (`asking`); `blocking` and `awaiting` bind them,
`transports` drive them.
"""

from sightline.client.answers import (
    DataRow,
    DatasetVersion,
    ImportJob,
    JsonObject,
    OntologyClass,
    Prediction,
    Rejection,
    RunConfig,
    TruthInspection,
)
from sightline.client.asking import Sent
from sightline.client.awaiting import (
    AsyncClient,
    AsyncDataset,
    AsyncJob,
    AsyncModel,
    AsyncOntology,
    AsyncProject,
    AsyncRun,
)
from sightline.client.blocking import Client, Dataset, Job, Model, Ontology, Project, Run
from sightline.client.errors import ApiError, ConnectionLost, InvalidAddress, MissingExtra, SightlineError, Unreachable
from sightline.client.retrying import Retries
from sightline.client.transports import DEFAULT_URL, URL_VARIABLE

__all__ = [
    "DEFAULT_URL",
    "URL_VARIABLE",
    "ApiError",
    "AsyncClient",
    "AsyncDataset",
    "AsyncJob",
    "AsyncModel",
    "AsyncOntology",
    "AsyncProject",
    "AsyncRun",
    "Client",
    "ConnectionLost",
    "DataRow",
    "Dataset",
    "DatasetVersion",
    "ImportJob",
    "InvalidAddress",
    "Job",
    "JsonObject",
    "MissingExtra",
    "Model",
    "Ontology",
    "OntologyClass",
    "Prediction",
    "Project",
    "Rejection",
    "Retries",
    "Run",
    "RunConfig",
    "Sent",
    "SightlineError",
    "TruthInspection",
    "Unreachable",
]
