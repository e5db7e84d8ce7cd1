"""Prometheus metrics, counted from the stored events. Names are in docs/reference/metrics.md."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from commandcenter.events.bus import StoredEvent
from commandcenter.events.types import EventType

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_MAX_OPEN = 20_000


class Metrics:
    """The metrics of one application, in a registry of their own.

    Counters tell what was stored since this process started, by all processes on the database.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._handlers: dict[str, Callable[[StoredEvent], None]] = {
            EventType.RUN_CREATED: self._run_created,
            EventType.RUN_RESUMED: self._run_resumed,
            EventType.RUN_FINISHED: self._run_finished,
            EventType.STEP_RETRYING: self._step_retrying,
            EventType.STEP_FINISHED: self._step_finished,
            EventType.ATTEMPT_STARTED: self._attempt_started,
            EventType.ATTEMPT_FINISHED: self._attempt_finished,
            EventType.APPROVAL_REQUESTED: self._approval_requested,
            EventType.APPROVAL_RESOLVED: self._approval_resolved,
            EventType.NOTIFICATION_CREATED: self._notification_created,
        }
        self._began: OrderedDict[str, datetime] = OrderedDict()
        self._define_runs()
        self._define_approvals()
        self.webhooks_received = self._counter("webhooks_received", "Webhooks received", "source")
        self.webhooks_processed = self._counter(
            "webhooks_processed", "Webhooks processed, by outcome", "source", "outcome"
        )
        self.notifications = self._counter("notifications", "Notices created", "channel")
        self.disk_free = self._gauge("disk_free_bytes", "Room on the data directory's disk")
        self.disk_total = self._gauge("disk_total_bytes", "Size of the data directory's disk")
        self.last_event_id = self._gauge("last_event_id", "Id of the newest event handed on")

    def _define_runs(self) -> None:
        self.runs_created = self._counter("runs_created", "Runs created", "workflow")
        self.runs_resumed = self._counter("runs_resumed", "Runs taken up again after a restart")
        self.runs_finished = self._counter("runs_finished", "Runs ended", "state", "reason")
        self.run_seconds = self._histogram("run_duration_seconds", "Created to ended", "state")
        self.steps_finished = self._counter("steps_finished", "Steps ended", "state", "reason")
        self.step_seconds = self._histogram(
            "step_duration_seconds", "First attempt started to step ended", "state"
        )
        self.step_retries = self._counter("step_retries", "Attempts to be repeated", "reason")
        self.attempts_started = self._counter("attempts_started", "Agents spawned")
        self.attempts_finished = self._counter(
            "attempts_finished", "Agents ended; a time-out has reason=timeout", "state", "reason"
        )
        self.attempt_seconds = self._histogram(
            "attempt_duration_seconds", "Agent spawned to ended", "state"
        )
        self.attempts_active = self._gauge("attempts_active", "Agents at work now")
        self.runs_active = self._gauge("runs_active", "Runs not ended, by state", "state")
        self.queue_length = self._gauge("queue_length", "Runs that have not started yet")

    def _define_approvals(self) -> None:
        self.approvals_requested = self._counter("approvals_requested", "Approvals asked for")
        self.approvals_resolved = self._counter("approvals_resolved", "Approvals ended", "state")
        self.approval_seconds = self._histogram(
            "approval_wait_seconds", "Asked for to resolved", "state"
        )
        self.approvals_pending = self._gauge("approvals_pending", "Approvals waiting now")

    def observe(self, event: StoredEvent) -> None:
        """Count an event; a listener of the bus."""
        self.last_event_id.set(event.id)
        handler = self._handlers.get(event.type)
        if handler is not None:
            handler(event)

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def _run_created(self, event: StoredEvent) -> None:
        self.runs_created.labels(_word(event, "workflow")).inc()
        self._begin(f"run {event.run_id}", event.at)

    def _run_resumed(self, _: StoredEvent) -> None:
        self.runs_resumed.inc()

    def _run_finished(self, event: StoredEvent) -> None:
        state = _word(event, "state")
        self.runs_finished.labels(state, _word(event, "reason")).inc()
        self._end(f"run {event.run_id}", event.at, self.run_seconds.labels(state))

    def _step_retrying(self, event: StoredEvent) -> None:
        self.step_retries.labels(_word(event, "reason")).inc()

    def _step_finished(self, event: StoredEvent) -> None:
        state = _word(event, "state")
        self.steps_finished.labels(state, _word(event, "reason")).inc()
        step = f"step {event.run_id} {event.subject}"
        self._end(step, event.at, self.step_seconds.labels(state))

    def _attempt_started(self, event: StoredEvent) -> None:
        self.attempts_started.inc()
        self._begin(f"attempt {event.subject}", event.at)
        self._begin(f"step {event.run_id} {_word(event, 'node')}", event.at)

    def _attempt_finished(self, event: StoredEvent) -> None:
        state = _word(event, "state")
        self.attempts_finished.labels(state, _word(event, "reason")).inc()
        self._end(f"attempt {event.subject}", event.at, self.attempt_seconds.labels(state))

    def _approval_requested(self, event: StoredEvent) -> None:
        self.approvals_requested.inc()
        self._begin(f"approval {event.subject}", event.at)

    def _approval_resolved(self, event: StoredEvent) -> None:
        state = _word(event, "state")
        self.approvals_resolved.labels(state).inc()
        self._end(f"approval {event.subject}", event.at, self.approval_seconds.labels(state))

    def _notification_created(self, event: StoredEvent) -> None:
        self.notifications.labels(_word(event, "channel")).inc()

    def _begin(self, key: str, at: datetime) -> None:
        if key not in self._began:
            self._began[key] = at
            if len(self._began) > _MAX_OPEN:
                self._began.popitem(last=False)

    def _end(self, key: str, at: datetime, histogram: Histogram) -> None:
        began = self._began.pop(key, None)
        if began is not None:
            histogram.observe(max(0.0, (at - began).total_seconds()))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, namespace="commandcenter", registry=self.registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, namespace="commandcenter", registry=self.registry)

    def _histogram(self, name: str, words: str, *labels: str) -> Histogram:
        return Histogram(
            name,
            words,
            labels,
            namespace="commandcenter",
            registry=self.registry,
            buckets=_SECONDS,
        )


def _word(event: StoredEvent, key: str) -> str:
    value = event.data.get(key)
    return str(value)[:64] if value is not None else "none"
