"""`python -m examples.digits FOLDER` makes the files alone, to import them by hand or to read them."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from examples.digits.build import build
from examples.digits.show import Steps


def main() -> None:
    """Build into the folder that was named."""
    parser = argparse.ArgumentParser(prog="python -m examples.digits", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put pictures, truth and predictions")
    folder: Path = parser.parse_args().folder
    console = Console(stderr=True)
    with Steps(console) as steps:
        build(folder, report=steps.report)
    console.print(f"[green]✓[/] Pictures, data rows, truth and the predictions of v1 and v2 are in [bold]{folder}[/]")


if __name__ == "__main__":
    main()
