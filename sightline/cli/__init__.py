"""The command line: `sightline`. Results go to stdout, progress and explanations to stderr.

`app` declares the commands, `outcome` maps errors to exit codes, `show` prints, `coco` imports COCO files. Commands
import what they need when they run, so that `sightline --help` is there at once.
"""

from sightline.cli.outcome import main

__all__ = ["main"]
