"""Every escape attempt of `probes.py`, as a real program in a real sandbox, must be refused."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from tests.security.probing import GROUPS
from tests.security.sandbox import drive
from tests.security.sandbox.ordinary import run_as_ordinary_user

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


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


@pytest.mark.parametrize("start", ["cold", "warm"])
@pytest.mark.parametrize("group", GROUPS)
def test_escapes_are_refused(
    group: str, start: str, data: Path, agent: Path, canaries: bytes
) -> None:
    results = json.loads(
        asyncio.run(drive.probe(data, agent, group, canaries, warm=start == "warm"))
    )
    if start == "warm":  # there the input is the agent's own copy
        results.pop("change the given input", None)
    assert_all_refused(json.dumps(results))


@pytest.mark.root
@pytest.mark.parametrize("group", GROUPS)
def test_escapes_are_refused_for_an_ordinary_hub(
    group: str, ordinary: Path, agent: Path, canaries: bytes
) -> None:
    assert_all_refused(run_as_ordinary_user(ordinary, str(agent), group, given=canaries))


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
