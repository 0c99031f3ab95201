"""Results on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sightline.cli.tables import Table, stderr, stdout

if TYPE_CHECKING:
    from msgspec import Struct
    from rich.console import Console

    from sightline.cli.coco import Imported
    from sightline.client import ImportJob, Run
    from sightline.client.things import Thing
    from sightline.doctor import Finding

JsonObject = Mapping[str, Any]

_TIME = "_unix_ms"
_COUNTS = ("support", "true_positive_count", "false_positive_count", "false_negative_count")
_RATIOS = ("precision", "recall", "f1")
_COCO_LINES = (
    *(("map", "mar_1"), ("map_50", "mar_10"), ("map_75", "mar_100")),
    *((f"map_{size}", f"mar_{size}") for size in ("small", "medium", "large")),
)
_HEADINGS = {"true_positive_count": "TP", "false_positive_count": "FP", "false_negative_count": "FN"}


def as_json(answer: object) -> None:
    """One JSON document; never NaN or Infinity, which are not JSON."""
    sys.stdout.write(json.dumps(answer, allow_nan=False, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    sys.stdout.write("\n")


def nothing(message: str) -> None:
    """Says on stderr why there is nothing to show."""
    stderr().print(message)


def imported(done: Imported) -> None:
    """What an import has made."""
    run, job = done.run, done.job
    stdout().print(
        f"run {run.run_id} on version {run.dataset_version} of {run.dataset_id}: "
        f"{job.accepted} predictions accepted, {job.rejected} rejected (import {job.job})"
    )


def runs(found: Sequence[JsonObject]) -> None:
    """The list of runs."""
    if not found:
        nothing("no runs: `sightline import coco` makes one from files, `sightline runs create` an empty one")
        return
    table = Table(
        ("Run", "Id", "Dataset version"),
        ("Rows", "Predictions", "mAP", "mAP 50", "mAR 100"),
        ("Created",),
        spare=("Created", "Dataset version", "mAR 100", "Predictions", "mAP 50", "Rows"),
    )
    for run in found:
        summary: JsonObject = run.get("summary") or {}
        coco: JsonObject = summary.get("coco") or {}
        rows = f"{summary['rows_predicted']} of {summary['rows_in_scope']}" if summary else "not measured"
        table.add(
            run["name"],
            run["run_id"],
            f"{run['dataset_id']} {run['dataset_version']}",
            rows,
            _number(summary.get("predictions")),
            *(_number(coco.get(name)) for name in ("map", "map_50", "mar_100")),
            _moment(run["created_unix_ms"]),
        )
    table.print()


def run(answer: JsonObject) -> None:
    """A run: what it is measured on, how it was made, what it is worth, and how fresh that is."""
    summary: JsonObject | None = answer["summary"]
    freshness: JsonObject = answer["freshness"]
    shown = {name: value for name, value in answer.items() if name not in ("summary", "freshness")}
    if summary is None:
        one({**shown, "measured": "not yet"}, False)
        return
    rows = f"{summary['rows_predicted']} of {summary['rows_in_scope']}"
    state = "changed since" if freshness["coco_behind"] else "up to date"
    counts = {name: summary[name] for name in ("predictions", "truths")}
    measured = f"{_moment(summary['computed_unix_ms'])}, {state}"
    one({**shown, "rows_predicted": rows, **counts, "measured": measured}, False)
    _coco(stdout(), summary["coco"])


def imported_lines(answer: JsonObject) -> None:
    """What an import of lines has made, file by file."""
    one({name: value for name, value in answer.items() if name.endswith("_id") or name == "dataset_version"}, False)
    table = Table(("File", "Import"), ("Accepted", "Rejected"))
    for what, job in answer["imports"].items():
        table.add(what, job["job"], *_numbers(job, ("accepted", "rejected")))
    table.print()


def metrics(run: Run, answer: JsonObject) -> None:
    """What a run is worth: COCO's numbers, then counts per class and in total."""
    console = stdout()
    confidence = answer.get("confidence")
    at = "nothing predicted" if confidence is None else f"confidence ≥ {confidence:g}"
    console.print(f"{run.name} ({run.run_id}), dataset version {run.dataset_version}; IoU ≥ {answer['iou']:g}, {at}")
    coco: JsonObject = answer["coco"]
    _coco(console, coco)
    headings = [_HEADINGS.get(name, name) for name in (*_COUNTS, *_RATIOS, "AP")]
    table = Table(("Class",), headings, spare=("support", "f1", "AP"))
    classes: Mapping[str, JsonObject] = answer["classes"]
    for name, numbers in classes.items():
        table.add(name, *_numbers(numbers, (*_COUNTS, *_RATIOS, "map")))
    total = _numbers(answer["total"], (*_COUNTS, *_RATIOS))
    table.add("total", *total, _number(coco["map"]), style="bold", section=True)
    table.print()
    freshness: JsonObject = answer.get("freshness") or {}
    if freshness.get("coco_computed_unix_ms") is None:
        console.print("COCO numbers: not measured yet")
    elif freshness.get("coco_behind"):
        console.print("COCO numbers are a little older than the counts: the next are on their way")


def _coco(console: Console, numbers: JsonObject) -> None:
    for precision, recall in _COCO_LINES:
        console.print(
            f"  {precision:<10} {_number(numbers[precision]):>6}   {recall:<10} {_number(numbers[recall]):>6}"
        )


def rows(found: Sequence[JsonObject]) -> None:
    """Rows of a run."""
    if not found:
        nothing("no such rows: it has none that are labelled, or none of this kind")
        return
    counts = ("predictions", "truths", "tp", "fp", "fn", "iou", "confidence", "precision", "recall", "f1")
    headings = [name.upper() if name in ("tp", "fp", "fn") else name for name in counts]
    spare = ("precision", "recall", "Split", "predictions", "truths", "confidence", "f1")
    table = Table(("Row", "Split"), headings, spare=spare)
    for row in found:
        table.add(row["global_key"], row.get("split") or "", *_numbers(row, counts))
    table.print()


def _standing(service: JsonObject) -> str:
    """Of several processes, how many are ready. Older servers don't count them."""
    processes: int = service.get("processes", 1)
    if processes == 1:
        return service["problem"] or "ready"
    return f"{service['processes_ready']}/{processes} ready {service['problem'] or ''}".rstrip()


def status(url: str, answer: JsonObject) -> None:
    """Services, how far row events are applied, and how fresh the newest runs are."""
    console = stdout()
    console.print(f"Sightline {answer['version']} at {url}: {'ready' if answer['ready'] else 'not ready'}")
    for service in answer["services"]:
        console.print(f"  {service['name']:<10} {_standing(service)}")
    topics = Table(("Group", "Topic"), ("Applied", "Waiting"), spare=("Applied",))
    for topic in answer["topics"]:
        topics.add(topic["group"], topic["topic"], *_numbers(topic, ("applied", "lag")))
    topics.print()
    fresh = Table(
        ("Run", "Id"),
        ("Rows predicted", "Predictions", "Being accepted"),
        ("Measured",),
        spare=("Rows predicted", "Being accepted", "Predictions"),
    )
    counts = ("rows_predicted", "predictions_visible", "predictions_accepting")
    for run in answer["runs"]:
        fresh.add(run["name"], run["run_id"], *_numbers(run, counts), _state(run))
    fresh.print()


def _state(run: JsonObject) -> str:
    if run["measured_unix_ms"] is None:
        return "not yet"
    return "changed since" if run["partitions_behind"] else "up to date"


def copied(done: JsonObject) -> None:
    """What a copy of a log has, and what to type next."""
    console = stdout()
    table = Table(("Topic",), ("Partitions", "Records", "Copied now"))
    topics: dict[str, list[JsonObject]] = {}
    for partition in done["partitions"]:
        topics.setdefault(partition["topic"], []).append(partition)
    for topic, partitions in topics.items():
        sums = (sum(partition[name] for partition in partitions) for name in ("records", "copied"))
        table.add(topic, str(len(partitions)), *map(str, sums))
    counts = _numbers(done, ("records", "copied"))
    table.add("total", str(len(done["partitions"])), *counts, style="bold", section=True)
    table.print()
    target: JsonObject = done["target"]
    console.print(f"Both sides are equal. The copy is a log of its own: {target['log_id']}.")
    console.print("A read model is made anew from it, in a database that no other log has filled:")
    console.print(f"  {done['next']}", soft_wrap=True)


def rebuilt(what: str, done: JsonObject) -> None:
    """What a rebuild came to, and what may be typed next."""
    console = stdout()
    if what == "--drop-old":
        dropped = ", ".join(done["dropped"]) or "nothing: there is no other"
        console.print(f"Dropped {dropped}. The current generation is {done['current']}.")
        return
    if what == "--swap":
        console.print(f"The read model is {done['current']} now, made from {done['records']} records.")
        console.print("Start the services; restart query where it ran on.")
        console.print(f"{done['old']} is still there: `sightline rebuild --drop-old` drops it.")
        return
    counts = ("here", "there", "equal", "missing", "extra", "different", "pending")
    table = Table(("Collection",), [heading.capitalize() for heading in counts], spare=("Pending", "Equal"))
    for each in done["collections"]:
        table.add(each["collection"], *_numbers(each, counts), style="red" if each["differences"] else None)
    table.print()
    for each in done["collections"]:
        for difference in each["shown"]:
            fields = f": {', '.join(difference['fields'])}" if difference["fields"] else ""
            console.print(f"  {each['collection']} {difference['id']}: {difference['kind']}{fields}")
        if each["differences"] > len(each["shown"]):
            console.print(f"  {each['collection']}: {each['differences'] - len(each['shown'])} more")
    if done["equal"]:
        console.print(f"{done['current']} is what the log says.")
    else:
        console.print(f"{done['current']} is not what the log says; {done['rebuilt']} is.")
        console.print("Stop the services; `sightline rebuild --swap` puts it in its place.")


def findings(found: Iterable[Finding]) -> None:
    """What `doctor` found."""
    styles = {"ok": "green", "warning": "yellow", "missing": "red"}
    table = Table(("", "What", "Found"))
    for finding in found:
        table.add(Text(finding.state, styles[finding.state]), finding.what, finding.found)
        if finding.remedy:
            table.add("", "", f"→ {finding.remedy}")
    table.print()


def _numbers(of: JsonObject, names: Iterable[str]) -> list[str]:
    return [_number(of.get(name)) for name in names]


def _number(value: float | None) -> str:
    """A count as it is, a ratio to four places, and what is undefined as a dash."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def as_ndjson(items: Iterable[JsonObject]) -> None:
    """A line an item."""
    for item in items:
        sys.stdout.write(json.dumps(item, allow_nan=False, ensure_ascii=False) + "\n")


def items(found: Sequence[JsonObject], columns: Sequence[str], json_wanted: bool, *, none: str) -> None:
    """A list of anything; `none` says to people that it is empty, and what to do about it."""
    if json_wanted:
        as_json({"items": found})
        return
    if not found:
        nothing(none)
        return
    headings = [column.removesuffix(_TIME).replace("_", " ").capitalize() for column in columns]
    table = Table(headings, spare=headings[:1:-1])
    for item in found:
        table.add(*(_words(column, item.get(column)) for column in columns))
    table.print()


def one(answer: JsonObject, json_wanted: bool) -> None:
    """One of anything, a line a field."""
    if json_wanted:
        as_json(answer)
        return
    table = Table(("", " "), header=False)
    for name, value in answer.items():
        table.add(name.removesuffix(_TIME).replace("_", " "), _words(name, value))
    table.print()


def struct(said: Struct, json_wanted: bool, *leave_out: str) -> None:
    """One of what the server answers with. To people, what it doesn't say is left out."""
    import msgspec

    answer: dict[str, Any] = msgspec.to_builtins(said)
    empty = [name for name, value in answer.items() if value is None and not json_wanted]
    one({name: value for name, value in answer.items() if name not in (*empty, *leave_out)}, json_wanted)


def thing(found: Thing[Any, Any], json_wanted: bool) -> None:
    """A thing of the server that was made or changed. A run's numbers are not part of that answer."""
    struct(found.facts, json_wanted, "summary")


def job(done: ImportJob, json_wanted: bool) -> None:
    """How an import ended."""
    if json_wanted:
        struct(done, True)
        return
    stdout().print(f"{done.accepted} accepted, {done.rejected} rejected (import {done.job})")


def _moment(unix_ms: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_ms / 1000))


def _words(name: str, value: Any) -> str:
    """A value in a table."""
    match value:
        case None:
            return "–"
        case int() if name.endswith(_TIME):
            return _moment(value)
        case bool():
            return "yes" if value else "no"
        case [{"name": _}, *_]:
            return ", ".join(str(each["name"]) for each in value)
        case [{"version": _}, *_]:
            return ", ".join(str(each["version"]) for each in value)
        case list() | tuple():
            return ", ".join(str(each) for each in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
