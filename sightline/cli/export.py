"""`sightline export`: what is stored, as files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from sightline.cli import options as o

app = typer.Typer(help="Get predictions and truth as files.", no_args_is_help=True)

Format = Annotated[
    Literal["ndjson", "coco"],
    typer.Option(help="Lines in Labelbox's shape, which `import ndjson` takes; or what pycocotools takes."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", dir_okay=False, help="Where to.", show_default="standard output")
]
Splits = Annotated[list[str] | None, typer.Option("--split", help="Only rows of this split; may be repeated.")]
Classes = Annotated[list[str] | None, typer.Option("--class", help="Only of this class; may be repeated.")]


@app.command()
def predictions(
    run: o.RunName,
    output: Output = None,
    format: Format = "ndjson",
    split: Splits = None,
    class_name: Classes = None,
    min_confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Only from this confidence on.")] = None,
    url: o.Url = None,
) -> None:
    """Get all that a run predicted.

    As COCO results they go with `export ground-truth DATASET@VERSION --format coco` of the run's version; what was
    predicted on rows that aren't labelled there is left out.

    ```
    sightline export predictions "epoch 12" -o predictions.ndjson
    ```
    """
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        path = f"/v1/model-runs/{find_run(client, run).run_id}/predictions"
        asked = {"format": format, "split": split, "class": class_name, "min_confidence": min_confidence}
        _write(client.download(path, **asked), output)


@app.command("ground-truth")
def ground_truth(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET[@VERSION]",
            help="Id or name of a dataset, and a version of it; without: its draft.",
            autocompletion=o.completing("datasets"),
        ),
    ],
    output: Output = None,
    format: Format = "ndjson",
    split: Splits = None,
    class_name: Classes = None,
    url: o.Url = None,
) -> None:
    """Get all truth of a dataset's version.

    Lines say neither crowds nor areas to `import ndjson`; the COCO file says all.

    ```
    sightline export ground-truth crossings@1 --format coco -o truth.json
    ```
    """
    from sightline.cli.find import find_dataset

    named, version = _versioned(dataset)
    with o.connect(url) as client:
        path = f"/v1/datasets/{find_dataset(client, named).dataset_id}/ground-truth"
        asked = {"format": format, "version": version, "split": split, "class": class_name}
        _write(client.download(path, **asked), output)


def _versioned(dataset: str) -> tuple[str, int | None]:
    """A dataset's name, and the version behind it."""
    name, at, version = dataset.rpartition("@")
    return (name, int(version)) if at and version.isascii() and version.isdigit() else (dataset, None)


def _write(pieces: Iterable[bytes], output: Path | None) -> None:
    """Into a file that is there when all of it is; or to standard output."""
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
