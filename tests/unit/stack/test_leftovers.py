"""What an `up` that was killed has left behind."""

import subprocess
import sys
from pathlib import Path

import psutil

from sightline.stack import leftovers


def test_leftovers_are_ended_but_nobody_else(tmp_path: Path) -> None:
    mine, other = (subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2))
    try:
        leftovers.write_down(tmp_path, [mine.pid])
        # The process id of another, as if it had been given away since.
        text = (tmp_path / "processes.json").read_text()
        created = psutil.Process(mine.pid).create_time()
        stale = f', {{"pid": {other.pid}, "created": {created - 100}}}]'
        (tmp_path / "processes.json").write_text(text.replace("]", stale))
        assert leftovers.end(tmp_path) == [mine.pid]
        assert mine.wait(60) is not None
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
