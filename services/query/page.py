"""The page at `/`: the runs, and where to read on. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from services.query.views.runs import Run

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sightline</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 3rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
<h1>Sightline</h1>
<p>What your models predicted, and where they are wrong.
<a href="/docs">API</a> · <a href="/v1/status">status</a></p>
{runs}
</html>
"""

_EMPTY = """<p>There is no run yet. Send one:</p>
<pre>sightline import coco --ground-truth GT.json --predictions DT.json \\
    --dataset NAME --model NAME --run NAME --wait</pre>"""

_TABLE = """<table>
<thead><tr><th>Run<th>Dataset version<th class="n">Rows predicted<th class="n">mAP<th class="n">mAP 50<th></tr></thead>
<tbody>{rows}</tbody>
</table>"""


def render(runs: Sequence[Run]) -> str:
    """The page with these runs."""
    return _PAGE.format(runs=_TABLE.format(rows="".join(map(_row, runs))) if runs else _EMPTY)


def _row(run: Run) -> str:
    here = f"/v1/model-runs/{quote(run.run_id, safe='')}"
    summary = run.summary
    predicted = f"{summary.rows_predicted} of {summary.rows_in_scope}" if summary else "not measured yet"
    return (
        f"<tr><td>{escape(run.name)}<td>{escape(run.dataset_id)} {run.dataset_version}"
        f'<td class="n">{predicted}<td class="n">{_number(summary.coco.map if summary else None)}'
        f'<td class="n">{_number(summary.coco.map_50 if summary else None)}'
        f'<td><a href="{here}/metrics">metrics</a> · <a href="{here}/rows?sort=iou">rows</a></tr>\n'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
