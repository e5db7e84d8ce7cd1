import json
from typing import Any

import pytest

from commandcenter.runtimes.fake.script import Script, read_script
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits


def spec(document: Any = None, **environment: str) -> AttemptSpec:
    return AttemptSpec(
        attempt_id="a",
        kind=AttemptKind.JOB,
        command=("x",),
        agent_directory=None,
        input_json=json.dumps(document).encode(),
        workspace=None,
        limits=Limits(),
        timeout_seconds=1.0,
        environment=environment,
    )


def test_without_a_script_it_succeeds() -> None:
    assert read_script(spec({})) == Script()


def test_the_input_says_what_to_do() -> None:
    found = read_script(
        spec({"fake": {"exit_code": 75, "output": {"n": 1}, "ends": "disk_full", "seconds": 2}})
    )
    assert (found.exit_code, found.output, found.seconds) == (75, b'{"n": 1}', 2.0)
    assert found.ends is FailureReason.DISK_FULL


def test_the_environment_wins() -> None:
    assert read_script(spec({"fake": {"exit_code": 1}}, FAKE_EXIT_CODE="2")).exit_code == 2


@pytest.mark.parametrize("document", [None, [], "text", {"fake": 3}])
def test_other_inputs_are_no_script(document: Any) -> None:
    assert read_script(spec(document)) == Script()


def test_artifacts_may_be_json_text() -> None:
    assert read_script(spec({}, FAKE_ARTIFACTS='{"a": "b"}')).artifacts == {"a": "b"}
