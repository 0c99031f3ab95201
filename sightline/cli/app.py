"""The commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import sightline
from sightline.cli import (
    configs,
    datasets,
    dead_letters,
    errors,
    export,
    imports,
    log,
    models,
    ontologies,
    projects,
    rows,
    runs,
)
from sightline.cli.groups import InOrder
from sightline.cli.options import Confidence, Iou, Json, RunName, Url, completing, connect
from sightline.cli.outcome import Exit, Stop

app = typer.Typer(
    name="sightline",
    cls=InOrder,
    help="See where a model is wrong while its predictions are still streaming in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
sending = typer.Typer(help="Send files to a server.", no_args_is_help=True)
app.add_typer(sending, name="import", rich_help_panel="Send")
app.add_typer(imports.app, name="imports", rich_help_panel="Send")
app.add_typer(projects.app, name="projects", rich_help_panel="Catalog")
app.add_typer(datasets.app, name="datasets", rich_help_panel="Catalog")
app.add_typer(ontologies.app, name="ontologies", rich_help_panel="Catalog")
app.add_typer(models.app, name="models", rich_help_panel="Catalog")
app.add_typer(runs.app, name="runs", rich_help_panel="Catalog")
app.add_typer(configs.app, name="configs", rich_help_panel="Catalog")
app.add_typer(rows.app, name="rows", rich_help_panel="Look")
app.command("errors", rich_help_panel="Send")(errors.errors)
app.add_typer(export.app, name="export", rich_help_panel="Look")
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel="Operate")
app.add_typer(log.app, name="log", rich_help_panel="Operate")

_STOPPED = "sightline: stopped; to finish, send the same files again"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sightline {sightline.__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command(rich_help_panel="Start")
def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where all data lies.", show_default="your platform's data directory")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="HTTP port: API and pages.")] = 8790,
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 0,
    mongo: Annotated[
        str | None,
        typer.Option(
            metavar="URL", envvar="SIGHTLINE_MONGO_URL", help="Use this MongoDB replica set, not a private one."
        ),
    ] = None,
    mongo_database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", envvar="SIGHTLINE_MONGO_DATABASE", help="Name of its database.", show_default="sightline"
        ),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT,...",
            envvar="SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS",
            help="Keep the log on this Kafka, not in a file.",
        ),
    ] = None,
    kafka_topic_prefix: Annotated[
        str | None, typer.Option(metavar="P", help="Put before the names of topics and groups.")
    ] = None,
    kafka_replication_factor: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of topics that are made.", show_default="3; 1 for brokers on loopback"),
    ] = None,
    ingest_processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the writes.")] = 1,
    metrics_processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the matching.")] = 1,
    query_processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    asset_root: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The folder from which images are served.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start Sightline here, in the foreground, until Ctrl-C or SIGTERM.

    ```
    sightline up
    sightline up --data-dir ./data --port 8800 --asset-root ./images
    ```
    """
    from sightline.cli.up import serve
    from sightline.stack import Options, default_data_dir

    serve(
        Options(
            data_dir=(data_dir or default_data_dir()).expanduser().resolve(),
            port=port,
            host=host,
            grpc_port=grpc_port,
            mongo_url=mongo,
            mongo_database=mongo_database,
            kafka=kafka or None,
            kafka_topic_prefix=kafka_topic_prefix,
            kafka_replication_factor=kafka_replication_factor,
            ingest_processes=ingest_processes,
            metrics_processes=metrics_processes,
            query_processes=query_processes,
            asset_root=asset_root.resolve() if asset_root else None,
        ),
        as_json=as_json,
    )


@sending.command("coco")
def import_coco(
    ground_truth: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The truth, a COCO file.")
    ],
    predictions: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="The predictions, COCO results.")
    ],
    dataset: Annotated[str, typer.Option(help="Name of the dataset; made when missing.")],
    model: Annotated[str, typer.Option(help="Name of the model; made when missing.")],
    run: Annotated[str, typer.Option(help="Name of the run; made when missing. Its predictions are replaced.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all is measured.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 3 when items were rejected.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Send a model's predictions on a dataset, and the truth when the server doesn't have it yet.

    Files may be gzipped. Equal truth reuses the dataset's version, other truth makes the next one. Sending the same
    files again changes nothing, so after any interruption: send them again.

    ```
    sightline import coco --ground-truth instances_val.json --predictions results.json \\
        --dataset coco-val --model yolo-s --run "epoch 12" --wait
    ```
    """
    from sightline.cli import coco, progress, show

    with connect(url) as client, progress.Bars(stopped=_STOPPED) as bars:
        done = coco.import_files(client, coco.Wanted(ground_truth, predictions, dataset, model, run), bars, wait=wait)
    if as_json:
        show.as_json(done.answer())
    else:
        show.imported(done)
    if strict and done.rejections:
        raise Stop(Exit.REJECTED_ITEMS, f"{done.rejections} items were rejected")


@sending.command("ndjson")
def import_ndjson(
    dataset: Annotated[
        str, typer.Option(help="Name of the dataset; made when missing.", autocompletion=completing("datasets"))
    ],
    rows: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="Data rows, a line a row.")
    ] = None,
    ground_truth: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="The truth of the rows that it names."),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="Predictions, a line each.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name of the model; made when missing.", autocompletion=completing("models")),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Name of the run; made when missing.", autocompletion=completing("model-runs")),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="A class to add to the ontology; may be repeated."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The predictions are all that the run says of the rows they name.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all is measured.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 3 when items were rejected.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Send rows, truth and predictions as NDJSON in Labelbox's shape, any of them.

    Files may be gzipped, and their lines in any order. Truth that comes with predictions of a new run is committed as
    the dataset's next version; truth alone stays in the draft.

    ```
    sightline import ndjson --dataset crossings --class car --class person \\
        --rows rows.ndjson --ground-truth truth.ndjson \\
        --predictions predictions.ndjson --model yolo-s --run "epoch 12" --wait
    ```
    """
    from sightline.cli import ndjson, progress, show

    wanted = ndjson.Wanted(dataset, rows, ground_truth, predictions, model, run, tuple(classes or ()), replace)
    ndjson.refuse_nonsense(wanted)
    with connect(url) as client, progress.Bars(stopped=_STOPPED) as bars:
        done = ndjson.import_files(client, wanted, bars, wait=wait)
    show.as_json(done.answer()) if as_json else show.imported_lines(done.answer())
    if strict and done.rejections:
        raise Stop(Exit.REJECTED_ITEMS, f"{done.rejections} items were rejected")


@app.command(rich_help_panel="Look")
def metrics(
    run: RunName,
    iou: Iou = None,
    confidence: Confidence = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Measure a run at any IoU and confidence.

    ```
    sightline metrics "epoch 12" --iou 0.75 --confidence 0.3
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with connect(url) as client:
        found = find_run(client, run)
        answer = client.metrics(found.run_id, iou=iou, confidence=confidence)
    show.as_json(answer) if as_json else show.metrics(found, answer)


@app.command(rich_help_panel="Start")
def status(url: Url = None, as_json: Json = False) -> None:
    """What the server is busy with, and how far.

    ```
    sightline status
    sightline status --url http://sightline.local:8790 --json
    ```
    """
    from sightline.cli import show

    with connect(url) as client:
        answer = client.status()
    show.as_json(answer) if as_json else show.status(client.url, answer)


@app.command(rich_help_panel="Operate")
def rebuild(
    compare: Annotated[
        bool, typer.Option("--compare", help="Make it, and compare it with the current one; services may run.")
    ] = False,
    swap: Annotated[
        bool, typer.Option("--swap", help="Make it, and put it in the place of the current one; services are stopped.")
    ] = False,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Drop all but the current one.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Begin anew, although one was begun before.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where all data lies.", show_default="your platform's data directory")
    ] = None,
    mongo: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SIGHTLINE_MONGO_URL", help="As `up` was told.")
    ] = None,
    mongo_database: Annotated[
        str | None, typer.Option(metavar="NAME", envvar="SIGHTLINE_MONGO_DATABASE", help="As `up` was told.")
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT,...", envvar="SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS", help="As `up` was told."),
    ] = None,
    kafka_topic_prefix: Annotated[str | None, typer.Option(metavar="P", help="As `up` was told.")] = None,
    as_json: Json = False,
) -> None:
    """Make the read model anew from the log.

    It is made beside the current one. What --compare made, --swap brings up to date, so the services stand still for a
    moment only. After an interruption the same command goes on. Exit code 3: they differ.

    ```
    sightline rebuild --compare
    ```
    """
    from sightline.cli.rebuild import rebuild as carry_out
    from sightline.stack import Options, default_data_dir

    asked = [name for name, on in (("--compare", compare), ("--swap", swap), ("--drop-old", drop_old)) if on]
    if len(asked) != 1:
        raise Stop(Exit.REFUSED, "name one of --compare, --swap and --drop-old")
    options = Options(
        data_dir=(data_dir or default_data_dir()).expanduser().resolve(),
        mongo_url=mongo,
        mongo_database=mongo_database,
        kafka=kafka or None,
        kafka_topic_prefix=kafka_topic_prefix,
    )
    carry_out(options, asked[0], anew=anew, as_json=as_json)


@app.command(rich_help_panel="Start")
def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="The data directory to look at.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to look at.")] = 8790,
    kafka: Annotated[
        str | None, typer.Option(metavar="HOST:PORT[,…]", help="A Kafka cluster to look at, too.", show_default=False)
    ] = None,
    kafka_topic_prefix: Annotated[str, typer.Option(help="What the names of its topics begin with.")] = "",
    mongo: Annotated[
        str | None, typer.Option(metavar="URL", help="A MongoDB to look at, too.", show_default=False)
    ] = None,
    mongo_database: Annotated[
        str | None, typer.Option(metavar="NAME", help="The read model's database there.", show_default="sightline")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that this machine, a Kafka cluster or a MongoDB can run Sightline; say what is missing, and how to get it.

    ```
    sightline doctor
    sightline doctor --kafka broker-1:9092,broker-2:9092
    ```
    """
    from sightline import doctor as doctors
    from sightline.cli import show
    from sightline.stack import default_data_dir

    findings = doctors.examine((data_dir or default_data_dir()).expanduser().resolve(), port)
    if kafka is not None:
        findings += doctors.examine_kafka(kafka, kafka_topic_prefix)
    if mongo is not None:
        findings += doctors.examine_mongo(mongo, mongo_database)
    if as_json:
        show.as_json({"findings": [finding.answer() for finding in findings]})
    else:
        show.findings(findings)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(Exit.FAILURE)
