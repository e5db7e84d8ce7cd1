"""The verdict on an ended attempt: its exit, its outputs against the agent's promise."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commandcenter.engine.definition import RetryPolicy
from commandcenter.kit.errors import ProblemError
from commandcenter.runs.recorder import AttemptEnd
from commandcenter.runs.states import AttemptFailure, AttemptState, StepFailure
from commandcenter.runtimes.results import AttemptResult, FailureReason

REDACTED = "[redacted]"
MAX_LOST_ATTEMPTS = 10
# After failures of the platform under an attempt, such as a full disk, where repeating is safe.
MAX_PLATFORM_RETRIES = 3

_RETRYABLE = frozenset(
    {
        FailureReason.EXIT_CODE.value,
        FailureReason.TIMEOUT.value,
        FailureReason.OUT_OF_MEMORY.value,
        FailureReason.SYSTEM_ERROR.value,
        FailureReason.DISK_FULL.value,
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    end: AttemptEnd
    outputs: Mapping[str, Any] | None  # also of a failed attempt, when it left readable ones


def judge(
    result: AttemptResult,
    *,
    check_outputs: Callable[[Mapping[str, Any]], None],
    secrets: Sequence[str],
) -> Verdict:
    """Turn a runtime's result into what is recorded. Never raises for what an agent did."""
    outputs, problem = _read_outputs(result.output, secrets)
    message = _without(result.message, secrets)
    if result.reason is FailureReason.CANCELLED:
        return _ended(AttemptState.CANCELLED, result.reason.value, message, result, None)
    if result.reason is not None:
        return _ended(AttemptState.FAILED, result.reason.value, message, result, outputs)
    if problem is None:
        try:
            check_outputs(outputs or {})
        except ProblemError as error:
            problem = error.detail
    if problem is not None:
        return _ended(
            AttemptState.FAILED, StepFailure.INVALID_OUTPUT.value, problem, result, outputs
        )
    return _ended(AttemptState.SUCCEEDED, None, "", result, outputs or {})


def may_retry(
    end: AttemptEnd, policy: RetryPolicy, *, failures: int, lost: int, retry_lost: bool
) -> bool:
    """Whether another attempt follows; `failures` and `lost` count this one.

    A lost attempt is the platform's fault and does not use up the node's retries. An attempt that
    ran and that the runtime could not carry to its end is too: where a lost one may be repeated
    it is, a few times, whatever the node's policy. One that was stopped with the hub always is.
    """
    if end.reason == AttemptFailure.INTERRUPTED.value:
        return True
    if end.reason == FailureReason.LOST.value:
        return retry_lost and lost <= MAX_LOST_ATTEMPTS
    most = policy.max
    if end.reason == FailureReason.SYSTEM_ERROR.value and end.result is not None and retry_lost:
        most = max(most, MAX_PLATFORM_RETRIES)
    return end.reason in _RETRYABLE and failures <= most


def lost_delay(lost: int) -> float:
    """Return the seconds before the attempt after the lost one: none at first, at most ten."""
    return 0.0 if lost <= 1 else min(0.1 * 2.0 ** (lost - 1), 10.0)


def _ended(
    state: AttemptState,
    reason: str | None,
    message: str,
    result: AttemptResult,
    outputs: Mapping[str, Any] | None,
) -> Verdict:
    return Verdict(AttemptEnd(state=state, reason=reason, message=message, result=result), outputs)


def _read_outputs(
    raw: bytes | None, secrets: Sequence[str]
) -> tuple[dict[str, Any] | None, str | None]:
    if raw is None:
        return None, None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return None, f"/out/output.json is not valid JSON: {error}"
    if not isinstance(value, dict):
        return None, f"/out/output.json must hold an object, not {type(value).__name__}"
    return _redacted(value, [secret for secret in secrets if secret]), None


def _redacted(value: Any, secrets: Sequence[str]) -> Any:
    if not secrets:
        return value
    if isinstance(value, str):
        return _without(value, secrets)
    if isinstance(value, list):
        return [_redacted(item, secrets) for item in value]
    if isinstance(value, dict):
        return {_without(key, secrets): _redacted(item, secrets) for key, item in value.items()}
    return value


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED)
    return text
