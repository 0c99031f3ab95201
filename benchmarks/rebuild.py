"""The read model made anew from the log, against the first import: `sightline rebuild` while the stack runs.

python -m benchmarks.rebuild [--images 5000] [--detections 500000] [--runs 3] [--json]

The command's time is from its start to its end, with the start of its processes and the comparison; `reading` is from
the first record that was applied to the last, all services together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.generate import write_coco
from benchmarks.pipeline import measure
from benchmarks.running import CORES, Stack, folder, pin, reference_kernel, stack
from sightline.mongod import running_url


def rebuild(running: Stack) -> dict[str, Any]:
    """One comparison, from the log's beginning; seconds of its phases."""
    settings = running.settings
    environment = {
        **os.environ,
        "SIGHTLINE_MONGO_URL": running_url(settings.log_path.parent / "mongo"),
        "SIGHTLINE_LOG_PATH": str(settings.log_path),
    }
    command = (sys.executable, "-m", "services.common.ops", "rebuild", "--compare", "--anew")
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    seen: dict[str, list[float]] = {}
    said: dict[str, Any] = {}
    for line in process.stdout:
        said = json.loads(line)
        if "progress" in said:
            seen.setdefault(said["progress"]["phase"], []).append(time.perf_counter() - begun)
    process.wait()
    seconds = time.perf_counter() - begun
    assert said["result"]["equal"], said
    phases = {phase: round(times[-1] - times[0], 2) for phase, times in seen.items()}
    return {"seconds": round(seconds, 2), "records": said["result"]["records"], **phases}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3, help="imports under other names, on the same truth")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pin()
    with folder() as place, stack(place) as running:
        truth, results = place / "gt.json", place / "dt.json"
        detections = write_coco(truth, results, images=options.images, detections=options.detections)
        warm = place / "warm_gt.json", place / "warm_dt.json"
        measure(running, warm, "warm", write_coco(*warm, images=50, truths=300, detections=2000))
        imports = [measure(running, (truth, results), f"run {n}", detections) for n in range(options.runs)]
        anew = rebuild(running)
    seconds = sum(each["seconds"] for each in imports)
    figures: dict[str, Any] = {
        "detections": detections * options.runs,
        "reference_kernel_s": round(reference_kernel(), 4),
        "imports_s": round(seconds, 2),
        "imports_per_s": round(detections * options.runs / seconds),
        "rebuild": anew,
        "rebuild_per_s": round(detections * options.runs / anew["seconds"]),
    }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['detections']:,} predictions, cores {CORES}, reference kernel {figures['reference_kernel_s']} s")
    print(f"imported  {figures['imports_s']:6.2f} s {figures['imports_per_s']:>9,} predictions/s")
    print(f"rebuilt   {anew['seconds']:6.2f} s {figures['rebuild_per_s']:>9,} predictions/s ({anew})")


if __name__ == "__main__":
    main()
