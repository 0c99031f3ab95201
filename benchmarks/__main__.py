"""All of them, one after the other: `make bench`."""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    ["benchmarks.evaluation"],
    ["benchmarks.pipeline"],
    ["benchmarks.pipeline", "--metrics-processes", "2"],
    ["benchmarks.pipeline", "--kafka"],
    ["benchmarks.pipeline", "--kafka", "--metrics-processes", "2"],
    ["benchmarks.pipeline", "--kafka", "--metrics-processes", "4"],
    ["benchmarks.rebuild"],
    ["benchmarks.client_upload"],
    ["benchmarks.latency"],
    ["benchmarks.freshness", "--rows", "100", "--per-row", "100"],
    ["benchmarks.freshness", "--rows", "2000", "--per-row", "5"],
    ["benchmarks.freshness", "--kafka", "--rows", "100", "--per-row", "100"],
    ["benchmarks.freshness", "--kafka", "--rows", "2000", "--per-row", "5"],
)

for module, *arguments in RUNS:
    print(f"\n== {module} {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)
