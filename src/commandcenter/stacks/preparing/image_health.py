"""How a service in an image is asked for its health, where its definition leaves it open."""

from dataclasses import replace

from commandcenter.runtimes.images import ImageFacts, ImageHealth
from commandcenter.stacks.health import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    CommandProbe,
    HealthCheck,
    ImageProbe,
    NoProbe,
    Probe,
    ShellProbe,
    TcpProbe,
)
from commandcenter.stacks.model import Service
from commandcenter.stacks.probing import implied_check, implied_probe

_START_PERIOD_SECONDS = 60.0
_START_INTERVAL_SECONDS = 1.0


def health_in(service: Service, facts: ImageFacts) -> HealthCheck | None:
    """Return the definition's check, else the image's, else one that fits its program and ports.

    None: it is switched off, or there is nothing to ask.
    """
    declared = service.health
    if declared is not None and not isinstance(declared.probe, ImageProbe):
        return None if isinstance(declared.probe, NoProbe) else declared
    if facts.health is not None:
        probe = _probe(facts.health)
        if probe is None:
            return None
        return replace(declared, probe=probe) if declared else _with_times(facts.health, probe)
    probe = implied_probe(service)
    if probe is None and facts.tcp_ports:
        probe = TcpProbe(facts.tcp_ports[0])
    if probe is None:
        return None
    return replace(declared, probe=probe) if declared else implied_check(probe)


def _probe(health: ImageHealth) -> Probe | None:
    if not health.command:
        return None
    return ShellProbe(health.command[0]) if health.is_shell else CommandProbe(health.command)


def _with_times(health: ImageHealth, probe: Probe) -> HealthCheck:
    """What the image leaves open is as in Docker, but that a start is looked at more often."""
    return HealthCheck(
        probe,
        health.interval_seconds or DEFAULT_INTERVAL_SECONDS,
        health.timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
        health.retries or DEFAULT_RETRIES,
        health.start_period_seconds or _START_PERIOD_SECONDS,
        _START_INTERVAL_SECONDS,
    )
