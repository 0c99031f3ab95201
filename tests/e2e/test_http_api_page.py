"""The commands of docs/http-api.md, as they stand there, against a running stack."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, strict

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
HERE = "SIGHTLINE=http://127.0.0.1:8790\n"


def commands(section: str) -> str:
    """The commands of a section, one block after the other."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def run(script: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(180)
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    steps, changes = commands("The seven steps"), commands("Changes of mind")
    assert HERE in steps
    with Stack(tmp_path / "data") as stack:
        steps = steps.replace(HERE, f"SIGHTLINE={stack.url}\n")
        said = run(f"{steps}\necho\n", tmp_path)
        assert "True\n" in said, "the import wasn't measured"
        metrics = strict(said.splitlines()[-1])
        total = metrics["total"]
        assert (total["true_positive_count"], total["false_positive_count"], total["false_negative_count"]) == (1, 1, 0)
        assert (metrics["rows_in_scope"], metrics["rows_predicted"]) == (2, 2)

        # Once more under other names, so that what follows finds the ids of its shell.
        renamed = steps.replace('"street"', '"other street"').replace("crossings", "other crossings")
        run(f"{renamed.replace('yolo-s', 'other yolo-s')}\n{changes}", tmp_path)
        left = [run["name"] for run in stack.get("/v1/model-runs")["items"]]
        assert left == ["epoch 12"]
        [dataset] = stack.get("/v1/datasets", name="other crossings")["items"]
        rows = stack.get(f"/v1/datasets/{dataset['dataset_id']}/data-rows")["items"]
        assert [(row["global_key"], row["metadata"]) for row in rows] == [("a.jpg", {"light": "day"})]
