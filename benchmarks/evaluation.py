"""Evaluation against pycocotools, faster-coco-eval and hotcoco: the same files, boundaries and two cores for all.

`python -m benchmarks.evaluation [--json] [--skip TOOL]`. Two times for each tool: *memory*, from detections in memory
to the twelve numbers, and *process*, from the start of Python to its end, with imports and reading the files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.evaluation_peers import TOOLS
from benchmarks.generate import write_coco
from benchmarks.running import pin, reference_kernel

PEERS = Path(__file__).with_name("evaluation_peers.py")
SLOW = {"pycocotools", "faster_coco_eval"}


def measure(tool: str, truth: Path, results: Path, repeats: int) -> dict[str, Any]:
    """Both times of one tool, in seconds: the best of `repeats`, and of one for the slow ones."""
    repeats = 1 if tool in SLOW else repeats
    process, memory, numbers = float("inf"), float("inf"), list[float]()
    for _ in range(repeats):
        begin = time.perf_counter()
        run = subprocess.run([sys.executable, str(PEERS), tool, str(truth), str(results)], capture_output=True)
        process = min(process, time.perf_counter() - begin)
        if run.returncode:
            sys.exit(f"{tool}: exit {run.returncode}\n{run.stderr.decode()}")
        answer = json.loads(run.stdout)
        memory, numbers = min(memory, answer["memory"]), answer["numbers"]
    return {"memory_s": round(memory, 4), "process_s": round(process, 4), "numbers": numbers}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--skip", action="append", default=[], choices=list(TOOLS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--truths", type=int, default=36_000)
    parser.add_argument("--detections", type=int, default=500_000)
    asked = parser.parse_args()
    pin()
    with tempfile.TemporaryDirectory() as folder:
        truth, results = Path(folder) / "gt.json", Path(folder) / "dt.json"
        detections = write_coco(truth, results, asked.images, asked.truths, asked.detections)
        reference = reference_kernel()
        # A first run that is not counted fills the file cache, and numba's.
        measure("sightline", truth, results, 1)
        figures = {t: measure(t, truth, results, asked.repeats) for t in TOOLS if t not in asked.skip}
    ours = figures["sightline"]
    for tool in figures.values():
        tool["memory_ratio"] = round(tool["memory_s"] / ours["memory_s"], 2)
        tool["process_ratio"] = round(tool["process_s"] / ours["process_s"], 2)
        tool["largest_difference"] = max(abs(a - b) for a, b in zip(tool["numbers"], ours["numbers"], strict=True))
        del tool["numbers"]
    if asked.json:
        print(json.dumps({"detections": detections, "reference_kernel_s": round(reference, 4), "tools": figures}))
        return
    print(f"{asked.images} images, {detections} detections, two cores; reference kernel {reference:.4f} s")
    print(f"{'':18}{'memory':>10}{'× ours':>9}{'process':>10}{'× ours':>9}  largest difference from ours")
    for name, tool in figures.items():
        print(
            f"{name:18}{tool['memory_s']:>8.3f} s{tool['memory_ratio']:>9.2f}{tool['process_s']:>8.3f} s"
            f"{tool['process_ratio']:>9.2f}  {tool['largest_difference']:.1e}"
        )


if __name__ == "__main__":
    main()
