import hashlib
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from commandcenter.artifacts.errors import ArtifactsRefusedError
from commandcenter.artifacts.store import GRACE_SECONDS, ArtifactLimits, ArtifactStore


@pytest.fixture
def left(tmp_path: Path) -> Path:
    folder = tmp_path / "left"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def age(path: Path, seconds: float = GRACE_SECONDS + 10) -> None:
    at = time.time() - seconds
    os.utime(path, (at, at))


def nothing(_digests: Collection[str]) -> Collection[str]:
    return ()


def test_files_are_kept_under_their_digest_and_once(store: ArtifactStore, left: Path) -> None:
    (left / "sub").mkdir()
    (left / "a.txt").write_bytes(b"same")
    (left / "sub" / "b.txt").write_bytes(b"same")
    (left / "c").write_bytes(b"")
    files = store.take(left)
    assert [(file.name, file.size_bytes) for file in files] == [
        ("a.txt", 4),
        ("c", 0),
        ("sub/b.txt", 4),
    ]
    digest = hashlib.sha256(b"same").hexdigest()
    assert files[0].sha256 == files[2].sha256 == digest
    assert store.path(digest).read_bytes() == b"same"
    assert store.take(left) == files
    assert len([path for path in store.path(digest).parents[1].rglob("*") if path.is_file()]) == 2


def test_limits(tmp_path: Path, left: Path) -> None:
    for name in ("a", "b", "c"):
        (left / name).write_bytes(b"12345")
    for limits, words in (
        (ArtifactLimits(files=2), "more than 2 files"),
        (ArtifactLimits(file_bytes=4), "a takes"),
        (ArtifactLimits(total_bytes=9), "b takes"),
    ):
        with pytest.raises(ArtifactsRefusedError, match=words):
            ArtifactStore(tmp_path / "store", limits).take(left)
    assert len(ArtifactStore(tmp_path / "store").take(left)) == 3


def test_links_and_pipes_are_refused(store: ArtifactStore, left: Path) -> None:
    (left / "link").symlink_to("/etc/passwd")
    with pytest.raises(ArtifactsRefusedError, match="link"):
        store.take(left)
    (left / "link").unlink()
    os.mkfifo(left / "pipe")
    with pytest.raises(ArtifactsRefusedError, match="not a regular file"):
        store.take(left)


def test_a_truncated_content_is_written_anew(store: ArtifactStore, left: Path) -> None:
    (left / "a").write_bytes(b"content")
    [file] = store.take(left)
    path = store.path(file.sha256)
    path.chmod(0o600)
    path.write_bytes(b"con")
    store.take(left)
    assert path.read_bytes() == b"content"


def test_names_that_are_not_text(store: ArtifactStore, left: Path) -> None:
    Path(os.fsdecode(os.fsencode(left) + b"/a\xff")).write_bytes(b"1")
    (left / ("x" * 200)).mkdir()
    (left / ("x" * 200) / ("y" * 200)).mkdir()
    [file] = store.take(left)
    assert file.name == "a\\xff"
    deep = left / ("x" * 200) / ("y" * 200) / ("z" * 200)
    deep.write_bytes(b"")
    with pytest.raises(ArtifactsRefusedError, match="longer than 512"):
        store.take(left)


def test_only_old_unreferenced_contents_are_collected(store: ArtifactStore, left: Path) -> None:
    for name in ("used", "unused", "fresh"):
        (left / name).write_text(name)
    files = {file.name: file for file in store.take(left)}
    for name in ("used", "unused"):
        age(store.path(files[name].sha256))
    asked: list[str] = []

    def referenced(digests: Collection[str]) -> Collection[str]:
        asked.extend(digests)
        return [files["used"].sha256]

    assert store.collect(referenced) == len("unused")
    assert files["fresh"].sha256 not in asked
    kept = {name for name in files if store.path(files[name].sha256).exists()}
    assert kept == {"used", "fresh"}


def test_what_is_taken_again_meanwhile_stays(store: ArtifactStore, left: Path) -> None:
    (left / "a").write_text("content")
    [file] = store.take(left)
    age(store.path(file.sha256))

    def taken_meanwhile(_digests: Collection[str]) -> Collection[str]:
        store.take(left)
        return ()

    assert store.collect(taken_meanwhile) == 0
    assert store.path(file.sha256).read_text() == "content"


def test_taking_and_collecting_at_once_lose_nothing(store: ArtifactStore, left: Path) -> None:
    (left / "a").write_text("content")
    [file] = store.take(left)
    stop = threading.Event()
    failures: list[BaseException] = []

    def collect() -> None:
        try:
            while not stop.is_set():
                store.collect(nothing)
        except BaseException as error:  # noqa: BLE001  # shown by the test itself
            failures.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for _ in range(200):
            try:
                age(store.path(file.sha256))
            except FileNotFoundError:
                continue
            finally:
                store.take(left)
                assert any(
                    path.name.startswith(file.sha256)
                    for path in store.path(file.sha256).parent.iterdir()
                )
    finally:
        stop.set()
        thread.join()
    assert failures == []
    store.collect(nothing)
    assert store.path(file.sha256).read_text() == "content"


def test_leftovers_are_removed(store: ArtifactStore, left: Path) -> None:
    (left / "a").write_text("content")
    store.take(left)
    root = store.path("00").parents[1]
    old, new = root / ".incoming" / "old", root / ".incoming" / "new"
    old.write_text("torn")
    new.write_text("being written")
    age(old)
    assert store.collect(nothing) == len("torn")
    assert (old.exists(), new.exists()) == (False, True)
