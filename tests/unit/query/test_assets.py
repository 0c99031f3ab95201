"""Local assets: one folder, and no way out of it."""

from pathlib import Path

import pytest

from services.common.runtime.errors import Problem
from services.query.views.assets import asset_link, resolve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "assets"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "1.png").write_bytes(b"png")
    (root / "inside.png").symlink_to(root / "a" / "b" / "1.png")
    (root / "outside.png").symlink_to(tmp_path / "secret.txt")
    (root / "loop").symlink_to(root / "loop")
    return root


@pytest.mark.parametrize("path", ["a/b/1.png", "a/../a/b/1.png", "inside.png"])
def test_files_below_the_root_are_found(root: Path, path: str):
    assert resolve(root, path) == root / "a" / "b" / "1.png"


def test_an_absolute_path_below_the_root_is_the_same_file(root: Path):
    assert resolve(root, str(root / "a" / "b" / "1.png")) == root / "a" / "b" / "1.png"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "a/../../secret.txt",
        "/etc/passwd",
        "outside.png",
        "loop",
        "a",
        ".",
        "",
        "missing.png",
        "a/b/1.png/x",
        "a\0b",
        "file:///etc/passwd",
        "x" * 5000,
    ],
)
def test_all_else_is_equally_absent(root: Path, path: str):
    with pytest.raises(Problem) as refused:
        resolve(root, path)
    assert refused.value.status == 404
    assert "secret" not in str(refused.value.body())


def test_a_root_that_is_not_there_holds_nothing(tmp_path: Path):
    with pytest.raises(Problem):
        resolve(tmp_path / "none", "a.png")


def test_links_lead_here_or_to_the_remote_asset_itself():
    assert asset_link("ds_1", "a/b c.png", "x.png") == "/v1/datasets/ds_1/data-rows/a%2Fb%20c.png/asset"
    assert asset_link("ds_1", "a", "https://example.org/a.png") == "https://example.org/a.png"
    assert asset_link("ds_1", "a", "javascript://x") == "/v1/datasets/ds_1/data-rows/a/asset"
    assert asset_link("ds_1", "a", "") is None
    assert asset_link("ds_1", "a", None) is None
