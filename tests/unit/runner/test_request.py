import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.request import Ending, JobLimits, JobRequest, Outcome
from commandcenter.runtimes.results import FailureReason

LIMITS = JobLimits(1.0, 512 * 1024**2, 64, 1024**2, 1024**2)
REQUEST = JobRequest(
    "run-1.step", False, ("python", "main.py"), LIMITS, 10.0, 5.0,
    environment={"A": "b"}, secret_files={"token": "v"}, python_path=("/x",), redact=("z",),
    input_json=b"{}",
)  # fmt: skip


def test_a_request_survives_the_wire() -> None:
    fields, payload = REQUEST.to_wire()
    assert JobRequest.from_wire(json.loads(json.dumps(fields)), payload) == REQUEST


@pytest.mark.parametrize(
    "change",
    [
        {"attempt_id": "../escape"},
        {"attempt_id": ".hidden"},
        {"attempt_id": "a" * 202},
        {"attempt_id": ""},
        {"command": ()},
        {"command": ("sh\0",)},
        {"environment": {"A=B": "c"}},
        {"environment": {"A": "c\0"}},
        {"environment": {"A": "x" * 300_000}},
        {"secret_files": {"../x": "v"}},
        {"secret_files": {".x": "v"}},
        {"secret_files": {"x": "v" * 2_000_000}},
        {"limits": replace(LIMITS, memory_bytes=1)},
        {"limits": replace(LIMITS, cpu=float("nan"))},
        {"limits": replace(LIMITS, pids=1)},
        {"timeout_seconds": 0.0},
        {"grace_seconds": -1.0},
        {"input_json": b"x" * (17 * 1024**2)},
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        replace(REQUEST, **change).check()


@pytest.mark.parametrize("fields", [{}, {"limits": {}}, {"attempt_id": "a", "limits": {"x": 1}}])
def test_nonsense_on_the_wire_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        JobRequest.from_wire(fields, b"")


def test_an_outcome_survives_the_disk() -> None:
    now = datetime.now(UTC)
    outcome = Outcome(3, Ending.EXIT_CODE, "why", now, now, 0.5, 100, has_output=True)
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_endings_are_the_runtimes_reasons() -> None:
    assert {ending.value for ending in Ending} == {reason.value for reason in FailureReason}


def test_secrets_are_not_in_the_representation_of_the_input() -> None:
    assert "payload" not in repr(replace(REQUEST, input_json=b"payload"))


def test_an_outcome_ignores_what_is_kept_beside_it() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    outcome = Outcome(None, Ending.TIMEOUT, "late", at, at, 1.5, 7, has_output=True)
    text = outcome.to_json(use={"pids": 3})
    assert json.loads(text)["use"] == {"pids": 3}
    assert Outcome.from_json(text) == outcome == Outcome.from_json(outcome.to_json())
