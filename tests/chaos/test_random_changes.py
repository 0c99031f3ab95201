"""Some seeds of the random changes; `python -m tests.chaos.random_changes` tries others for as long as you like."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.random_changes import run


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_in_whatever_order(mongo_url: str, tmp_path: Path, seed: int) -> None:
    world = await run(seed, mongo_url, tmp_path, rounds=2, operations=40)
    assert world.faults.crashes
