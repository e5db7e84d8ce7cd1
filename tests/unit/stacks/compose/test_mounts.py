import pytest

from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.resources import BindMount, Mount, TmpfsMount, VolumeMount
from tests.unit.stacks.compose.reading_parts import refused_service, service

VOLUMES = "volumes: {data: }\n"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("data:/d", VolumeMount("/d", "data")),
        ("data:/d:ro", VolumeMount("/d", "data", read_only=True)),
        ("data:/d:nocopy,rw", VolumeMount("/d", "data", copy_image_content=False)),
        ("/anonymous", VolumeMount("/anonymous")),
        (".:/w", BindMount(".", "/w", create=True)),
        ("./src/../lib:/w/:ro", BindMount("lib", "/w", read_only=True, create=True)),
        ("./a:/w:z", BindMount("a", "/w", create=True)),
        ("./a:/w:cached", BindMount("a", "/w", create=True)),
        (
            "{type: bind, source: ./a, target: /w, read_only: true,"
            " bind: {create_host_path: false}}",
            BindMount("a", "/w", read_only=True),
        ),
        ("{type: bind, source: a, target: /w}", BindMount("a", "/w", create=True)),
        (
            "{type: volume, source: data, target: /w, volume: {nocopy: true}}",
            VolumeMount("/w", "data", copy_image_content=False),
        ),
        ("{type: volume, target: /w}", VolumeMount("/w")),
        (
            "{type: tmpfs, target: /w, tmpfs: {size: 64m, mode: 0700}}",
            TmpfsMount("/w", 64 * 1024**2, 0o700),
        ),
    ],
)
def test_a_mount_is_read(entry: str, expected: Mount) -> None:
    assert service(f"volumes:\n  - {entry}", VOLUMES).mounts == (expected,)


def test_tmpfs() -> None:
    found = service("tmpfs:\n  - /run:size=64m,mode=0755,noexec\n  - /tmp")
    assert found.mounts == (TmpfsMount("/run", 64 * 1024**2, 0o755), TmpfsMount("/tmp"))
    assert service("tmpfs: /run").mounts == (TmpfsMount("/run"),)


def test_one_target_is_mounted_once() -> None:
    assert service('volumes: ["./a:/w", "./b:/w/"]').mounts == (BindMount("b", "/w", create=True),)


@pytest.mark.parametrize(
    ("entry", "refusal", "message"),
    [
        ("nope:/d", Refusal.INVALID, "is not declared"),
        ("a:b:c:d", Refusal.INVALID, "is not a volume"),
        ("./a:relative", Refusal.INVALID, "not an absolute path"),
        ("./a:/x/../y", Refusal.INVALID, "not an absolute path"),
        ("./a:/w:wrong", Refusal.INVALID, "not an option"),
        ("{type: bind, target: /w}", Refusal.INVALID, "source is missing"),
        ("{type: volume, source: data}", Refusal.INVALID, "target is missing"),
        ("{type: cluster, source: x, target: /w}", Refusal.UNSUPPORTED, "cluster"),
        ("{type: npipe, source: x, target: /w}", Refusal.UNSUPPORTED, "npipe"),
        (
            "{type: volume, source: data, target: /w, volume: {subpath: x}}",
            Refusal.UNSUPPORTED,
            "part of a volume",
        ),
    ],
)
def test_a_mount_that_cannot_be_made_is_refused(entry: str, refusal: Refusal, message: str) -> None:
    problem = refused_service(f"volumes:\n  - {entry}", VOLUMES)[0]
    assert (problem.refusal, problem.place.line) == (refusal, 5)
    assert message in problem.message
