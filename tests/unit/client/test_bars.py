"""Progress bars: where people look, and nowhere else."""

from pathlib import Path

import httpx
import pytest

from sightline.client import Client

JOB = {"job": "imp_1", "state": "FINISHED", "accepted": 1, "rejected": 0}
RUN = {"run_id": "run_1", "name": "n", "model_id": "m", "dataset_id": "d", "dataset_version": 1}


def answer(request: httpx.Request) -> httpx.Response:
    request.read()
    return httpx.Response(200, json=RUN if request.method == "GET" else JOB)


@pytest.mark.parametrize(("progress", "said"), [(True, True), (None, False), (False, False)])
def test_bars_are_shown_when_asked_for_and_not_in_pipes(
    progress: bool | None, said: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text("[]")
    with Client("http://test", progress=progress, transport=httpx.MockTransport(answer)) as client:
        run = client.run("run_1")
        run.upload(row=["a"], class_name="car", boxes=[[1, 2, 3, 4]])
        run.upload(path)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("Predictions" in shown.err) is said
    assert ("boxes" in shown.err) is said
