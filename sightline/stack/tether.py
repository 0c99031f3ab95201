"""Run a command that must not outlive the process that started it: `python tether.py PARENT COMMAND...`.

Becomes the command, after asking the kernel (Linux only) for SIGKILL when the parent dies. A program of its own, since
Python between fork and exec of a process with threads may hang. It imports as little as it can: it runs before every
process of the stack.

SIGKILL and not SIGTERM: everything in the stack survives it, and nothing may linger that holds the data's locks.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the process that started this has gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
