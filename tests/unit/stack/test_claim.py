"""One `up` for a data directory."""

import os
from pathlib import Path

import pytest

from sightline.stack.claim import Claimed, claim, claimed_by
from sightline.stack.options import Refused


def test_a_data_directory_that_can_not_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Refused, match="choose another"), claim(impossible, "http://here"):
            pass


def test_a_claim_holds_until_its_holder_is_gone(tmp_path: Path) -> None:
    assert claimed_by(tmp_path / "nothing here") is None
    with claim(tmp_path, "http://here"):
        with pytest.raises(Claimed, match="http://here"), claim(tmp_path, "http://there"):
            pass
        assert str(os.getpid()) in (claimed_by(tmp_path) or "")
    assert claimed_by(tmp_path) is None
    with claim(tmp_path, "http://there"):
        pass
