"""The confinement to a project's folder, on a real disk, against what a repository can hold."""

import os
import socket
from pathlib import Path

import pytest

from commandcenter.stacks.compose.files import (
    MAX_FILE_BYTES,
    FolderFiles,
    MissingFileError,
    OutsideProjectError,
    PathKind,
    ProjectFileError,
)
from commandcenter.stacks.compose.problems import ComposeRefusedError, Refusal
from commandcenter.stacks.compose.read import ComposeRequest, read_compose
from commandcenter.stacks.detect import ComposeFound, detect_stack


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("of the host")
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub/b.txt").write_text("b")
    (folder / "in").symlink_to("sub")
    (folder / "out").symlink_to("..")
    (folder / "out.txt").symlink_to("../secret.txt")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to("loop")
    (folder / "absolute").symlink_to(folder / "a.txt")
    (folder / "broken").symlink_to("nowhere")
    return folder


def test_files_of_the_project_are_read(project: Path) -> None:
    files = FolderFiles(project)
    assert files.read("a.txt") == "a"
    assert files.read("./sub/../a.txt") == "a"
    assert files.read("in/b.txt") == "b"
    assert files.read("absolute") == "a"
    assert files.read(str(project / "sub/b.txt")) == "b"
    assert files.locate("./sub/./x/../b.txt") == "sub/b.txt"
    assert files.locate(str(project / "new/file")) == "new/file"
    assert files.locate(str(project)) == "."
    assert files.locate("in/b.txt") == "in/b.txt"


@pytest.mark.parametrize(
    "path",
    ["..", "../secret.txt", "sub/../../secret.txt", "/etc/passwd", "/", "~/x", "out/secret.txt",
     "out.txt", "passwd", "out/new", "a\0b", "in/../../secret.txt"],
)  # fmt: skip
def test_nothing_leads_out(project: Path, path: str) -> None:
    files = FolderFiles(project)
    for function in (files.read, files.locate, files.kind):
        with pytest.raises(OutsideProjectError):
            function(path)


def test_a_folder_whose_name_begins_alike_is_outside(project: Path) -> None:
    other = project.with_name("project-other")
    other.mkdir()
    with pytest.raises(OutsideProjectError):
        FolderFiles(project).locate(str(other))


def test_a_project_named_through_a_link_is_itself(project: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    files = FolderFiles(link)
    assert files.locate(str(link / "a.txt")) == "a.txt"
    assert files.locate(str(project / "a.txt")) == "a.txt"
    assert files.read("a.txt") == "a"


def test_only_regular_text_files_are_read(project: Path) -> None:
    os.mkfifo(project / "pipe")  # reading it would wait for ever
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(project / "socket"))
        files = FolderFiles(project)
        (project / "large").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
        (project / "binary").write_bytes(b"\xff\xfe")
        for name, message in (
            ("pipe", "not a regular file"),
            ("sub", "not a regular file"),
            ("socket", "cannot be read"),
            ("large", "more than"),
            ("binary", "not UTF-8"),
        ):
            with pytest.raises(ProjectFileError, match=message):
                files.read(name)
        assert files.kind("socket") is PathKind.OTHER


def test_what_is_not_there(project: Path) -> None:
    files = FolderFiles(project)
    for name in ("nope", "a.txt/below", "broken"):
        with pytest.raises(MissingFileError):
            files.read(name)
    with pytest.raises(ProjectFileError):
        files.read("loop")
    assert files.kind("nope") is PathKind.MISSING
    assert files.kind("sub") is PathKind.FOLDER
    assert files.kind("a.txt") is PathKind.FILE


def test_a_link_put_in_place_while_reading_is_not_followed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FolderFiles(project)
    real = files._real

    def swapped(relative: str) -> Path:
        found = real(relative)
        (project / "sub/b.txt").unlink()
        (project / "sub/b.txt").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(files, "_real", swapped)
    with pytest.raises(OutsideProjectError):
        files.read("sub/b.txt")


def test_a_hostile_repository_is_refused_through_its_links(project: Path) -> None:
    (project / "compose.yaml").write_text(
        "services:\n"
        "  web:\n"
        "    image: x\n"
        "    volumes:\n"
        "      - ./out:/host\n"
        "      - ./passwd:/p:ro\n"
        "      - ./in:/fine\n"
        "    env_file: ./out.txt\n"
        "    build: ./out\n"
        "    secrets: [s]\n"
        "secrets:\n"
        "  s: {file: ./passwd}\n"
    )
    assert detect_stack(FolderFiles(project)) == ComposeFound(("compose.yaml",))
    with pytest.raises(ComposeRefusedError) as caught:
        read_compose(FolderFiles(project), ComposeRequest(("compose.yaml",), "shop"))
    assert [(problem.refusal, problem.place.line) for problem in caught.value.problems] == [
        (Refusal.UNSAFE, line) for line in (5, 6, 8, 9, 12)
    ]
    assert "of the host" not in str(caught.value.fields)


def test_a_compose_file_that_is_a_link_out_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("services: {web: {image: x}}\n")
    (project / "compose.yaml").symlink_to("../elsewhere.yaml")
    (project / ".env").symlink_to("/etc/passwd")
    found = detect_stack(FolderFiles(project))
    assert isinstance(found, ComposeFound)
    with pytest.raises(ComposeRefusedError) as caught:
        read_compose(FolderFiles(project), ComposeRequest(found.files, "shop"))
    assert [problem.refusal for problem in caught.value.problems] == [Refusal.UNSAFE] * 2
