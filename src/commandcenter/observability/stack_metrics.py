"""Metrics of projects' stacks, beside those of runs. Names are in docs/reference/metrics.md."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from commandcenter.events.bus import StoredEvent
from commandcenter.events.types import EventType

_START_SECONDS = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900)
_PROBE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_NAMESPACE = "commandcenter"
_MAX_OPEN = 10_000
_SERVICE = ("project", "service")


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """A running service now. None: not known, or not enforced."""

    project: str
    service: str
    is_healthy: bool
    cpu_seconds: float | None = None
    memory_bytes: float | None = None
    cpu_limit: float | None = None
    memory_limit_bytes: float | None = None


class StackMetrics:
    """Restarts and starts are counted from events, the rest is set at each scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._began: OrderedDict[str, datetime] = OrderedDict()
        self.stacks = self._gauge("stacks", "Stacks of projects, by state", "state")
        self.services = self._gauge("stack_services", "Services of stacks, by state", "state")
        self._restarts = Counter(
            "service_restarts",
            "Services started again, by cause",
            ("cause",),
            namespace=_NAMESPACE,
            registry=registry,
        )
        self._starts = self._histogram(
            "stack_start_duration_seconds",
            "Starting to running, or to error",
            _START_SECONDS,
            "state",
        )
        self._probes = self._histogram(
            "service_probe_duration_seconds",
            "Probes of services, by protocol",
            _PROBE_SECONDS,
            "protocol",
            "healthy",
        )
        self._by_service = {
            "is_healthy": self._gauge("service_healthy", "1 if it is healthy", *_SERVICE),
            "cpu_seconds": self._gauge(
                "service_cpu_seconds", "CPU time of its present process", *_SERVICE
            ),
            "memory_bytes": self._gauge("service_memory_bytes", "Memory in use", *_SERVICE),
            "cpu_limit": self._gauge("service_cpu_limit_cores", "Limit in force", *_SERVICE),
            "memory_limit_bytes": self._gauge(
                "service_memory_limit_bytes", "Limit in force", *_SERVICE
            ),
        }

    def observe(self, event: StoredEvent) -> None:
        """Count an event; a listener of the bus."""
        state = str(event.data.get("state"))
        if event.type == EventType.STACK_SERVICE_CHANGED:
            cause = event.data.get("cause")
            if state == "starting" and cause:
                self._restarts.labels(str(cause)[:32]).inc()
        elif event.type == EventType.STACK_CHANGED and event.project_id is not None:
            self._stack_changed(event.project_id, state, event.at)

    def _stack_changed(self, project: str, state: str, at: datetime) -> None:
        began = self._began.pop(project, None)
        if state == "starting":
            self._began[project] = began or at
            if len(self._began) > _MAX_OPEN:
                self._began.popitem(last=False)
        elif began is not None and state in {"running", "error"}:
            self._starts.labels(state).observe(max(0.0, (at - began).total_seconds()))

    def probed(self, protocol: str, seconds: float, *, healthy: bool) -> None:
        self._probes.labels(protocol, str(healthy).lower()).observe(seconds)

    def show_services(self, found: Iterable[ServiceNumbers]) -> None:
        """Put these in place of those of the last time."""
        for gauge in self._by_service.values():
            gauge.clear()
        for each in found:
            for name, gauge in self._by_service.items():
                value = getattr(each, name)
                if value is not None:
                    gauge.labels(each.project, each.service).set(value)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, namespace=_NAMESPACE, registry=self._registry)

    def _histogram(
        self, name: str, words: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            name, words, labels, namespace=_NAMESPACE, registry=self._registry, buckets=buckets
        )
