from pathlib import Path

import pytest

from commandcenter.projects.errors import (
    FolderNotFoundError,
    PathInvalidError,
    PathNotAllowedError,
)
from commandcenter.projects.roots import AllowedRoots


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "data"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def roots(tmp_path: Path, data: Path) -> AllowedRoots:
    return AllowedRoots(data, [tmp_path / "root"])


@pytest.mark.parametrize("path", ["relative", "", "/a\0b", "/" + "x" * 5000])
def test_unusable_paths(roots: AllowedRoots, path: str) -> None:
    with pytest.raises(PathInvalidError):
        roots.check(path)


def test_the_data_directory_and_the_root_of_all_are_never_allowed(
    roots: AllowedRoots, data: Path
) -> None:
    (data / "agents").mkdir()
    for path in (data, data / "agents", data / "demo", Path("/")):
        with pytest.raises(PathNotAllowedError):
            roots.check(path)


def test_a_workspace_may_not_hold_the_data_directory(
    roots: AllowedRoots, data: Path, tmp_path: Path
) -> None:
    assert roots.check(data.parent) == data.parent
    with pytest.raises(PathNotAllowedError, match="contains CommandCenter's own data"):
        roots.refuse_workspace(data.parent)
    (tmp_path / "root" / "app").mkdir()
    roots.refuse_workspace(tmp_path / "root" / "app")


def test_demo_projects_are_allowed(data: Path) -> None:
    roots = AllowedRoots(data, [])
    (data / "demo" / "shop").mkdir(parents=True)
    assert roots.check(data / "demo" / "shop") == data / "demo" / "shop"


def test_the_operator_widens_the_list_at_once(
    roots: AllowedRoots, data: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    with pytest.raises(PathNotAllowedError):
        roots.check(more)
    roots.allow(more)
    roots.allow(more)
    assert roots.check(more) == more
    file = data / "allowed-roots"
    assert file.read_text() == f"{more}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("")
    with pytest.raises(PathNotAllowedError):
        roots.check(more)


def test_a_list_that_others_can_write_counts_for_nothing(
    roots: AllowedRoots, data: Path, tmp_path: Path
) -> None:
    (data / "allowed-roots").write_text(f"{tmp_path}\n")
    (data / "allowed-roots").chmod(0o666)
    with pytest.raises(PathNotAllowedError, match="could be written by other users"):
        roots.check(tmp_path / "root")


def test_what_is_not_there_within_a_root(roots: AllowedRoots, tmp_path: Path) -> None:
    (tmp_path / "root" / "file").write_text("")
    for name in ("missing", "file"):
        with pytest.raises(FolderNotFoundError):
            roots.check(tmp_path / "root" / name)


def test_a_loop_of_links_is_an_error_not_a_hang(roots: AllowedRoots, tmp_path: Path) -> None:
    (tmp_path / "root" / "a").symlink_to("b")
    (tmp_path / "root" / "b").symlink_to("a")
    with pytest.raises(FolderNotFoundError):
        roots.check(tmp_path / "root" / "a")
