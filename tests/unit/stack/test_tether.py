"""Programs that die with who started them."""

import subprocess
import sys
import time

import psutil
import pytest

from sightline.stack import tether


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part in it is Linux's")
def test_a_tethered_program_dies_with_who_started_it() -> None:
    start = (
        "import os, subprocess, sys, time\n"
        f"tether = [sys.executable, {tether.__file__!r}, str(os.getpid())]\n"
        "command = [*tether, sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "print(subprocess.Popen(command).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 60
    while tether.__file__ in child.cmdline():  # until it is the program itself
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(60)
