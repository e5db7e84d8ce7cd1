from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from commandcenter.events.bus import StoredEvent
from commandcenter.events.types import EventType
from commandcenter.observability.metrics import Metrics

_IDS = count(1)
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _event(kind: EventType, subject: str, seconds: float = 0.0, **data: Any) -> StoredEvent:
    return StoredEvent(
        id=next(_IDS),
        at=_START + timedelta(seconds=seconds),
        type=kind.value,
        run_id="run_1",
        project_id=None,
        subject=subject,
        data=data,
    )


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"commandcenter_{name}", labels)


def test_counts_a_run_from_beginning_to_end() -> None:
    metrics = Metrics()
    for event in (
        _event(EventType.RUN_CREATED, "run_1", workflow="review"),
        _event(EventType.ATTEMPT_STARTED, "run_1.a.1", 1, node="a", number=1),
        _event(
            EventType.ATTEMPT_FINISHED, "run_1.a.1", 3, node="a", state="failed", reason="timeout"
        ),
        _event(EventType.STEP_RETRYING, "a", 3, reason="timeout"),
        _event(EventType.ATTEMPT_STARTED, "run_1.a.2", 4, node="a", number=2),
        _event(
            EventType.ATTEMPT_FINISHED, "run_1.a.2", 5, node="a", state="succeeded", reason=None
        ),
        _event(EventType.STEP_FINISHED, "a", 5, state="succeeded", reason=None),
        _event(EventType.RUN_FINISHED, "run_1", 6, state="succeeded", reason=None),
    ):
        metrics.observe(event)

    assert _value(metrics, "runs_created_total", workflow="review") == 1
    assert _value(metrics, "attempts_started_total") == 2
    assert _value(metrics, "attempts_finished_total", state="failed", reason="timeout") == 1
    assert _value(metrics, "attempt_duration_seconds_sum", state="failed") == 2
    assert _value(metrics, "step_retries_total", reason="timeout") == 1
    assert _value(metrics, "step_duration_seconds_sum", state="succeeded") == 4
    assert _value(metrics, "run_duration_seconds_sum", state="succeeded") == 6
    assert _value(metrics, "runs_finished_total", state="succeeded", reason="none") == 1
    assert metrics._began == {}


def test_counts_approvals() -> None:
    metrics = Metrics()
    metrics.observe(_event(EventType.APPROVAL_REQUESTED, "apr_1"))
    metrics.observe(_event(EventType.APPROVAL_RESOLVED, "apr_1", 30, state="approved"))

    assert _value(metrics, "approvals_requested_total") == 1
    assert _value(metrics, "approvals_resolved_total", state="approved") == 1
    assert _value(metrics, "approval_wait_seconds_sum", state="approved") == 30


def test_an_end_whose_beginning_was_before_this_process_has_no_duration() -> None:
    metrics = Metrics()
    metrics.observe(_event(EventType.RUN_FINISHED, "run_9", state="failed", reason="lost"))

    assert _value(metrics, "runs_finished_total", state="failed", reason="lost") == 1
    assert _value(metrics, "run_duration_seconds_count", state="failed") is None or (
        _value(metrics, "run_duration_seconds_count", state="failed") == 0
    )


def test_what_never_ends_does_not_grow_without_bound() -> None:
    metrics = Metrics()
    for number in range(20_100):
        metrics.observe(_event(EventType.APPROVAL_REQUESTED, f"apr_{number}"))

    assert len(metrics._began) == 20_000
