"""Which probe a service is watched by when its definition names none.

A stack is not up before its services are healthy, so silence is not taken for health: known
servers are asked by their own protocol, others must accept connections.
"""

from dataclasses import replace

from commandcenter.stacks.health import (
    HealthCheck,
    NoProbe,
    PostgresProbe,
    Probe,
    RedisProbe,
    TcpProbe,
)
from commandcenter.stacks.model import Service
from commandcenter.stacks.resources import Protocol

_POSTGRES = frozenset({"postgres", "postgis", "pgvector", "timescaledb"})
_REDIS = frozenset({"redis", "valkey", "keydb"})
_INTERVAL_SECONDS = 5.0
_START_PERIOD_SECONDS = 60.0
_START_INTERVAL_SECONDS = 0.5
_DEFAULT_USER = "postgres"


def effective_health(service: Service) -> HealthCheck | None:
    """Return the declared check, else one that fits the image and ports.

    None: the definition switches checks off, or there is nothing to ask (no image that is known
    and no TCP port): such a service is healthy while it runs. `ImageProbe` is passed on: whether
    the image has a check of its own, only a runtime with images can tell; `implied_probe` is what
    to ask if it has none.
    """
    if service.health is not None:
        return None if isinstance(service.health.probe, NoProbe) else service.health
    probe = implied_probe(service)
    return None if probe is None else implied_check(probe)


def implied_check(probe: Probe) -> HealthCheck:
    """Return the probe with the times of one that no definition gives times for."""
    return HealthCheck(
        probe,
        interval_seconds=_INTERVAL_SECONDS,
        timeout_seconds=_INTERVAL_SECONDS,
        start_period_seconds=_START_PERIOD_SECONDS,
        start_interval_seconds=_START_INTERVAL_SECONDS,
    )


def with_implied_probe(service: Service, check: HealthCheck) -> HealthCheck | None:
    """Return the check with its times kept and the image's probe replaced; None if none fits."""
    probe = implied_probe(service)
    return None if probe is None else replace(check, probe=probe)


def implied_probe(service: Service) -> Probe | None:
    """Return the probe that image and ports suggest, None if they suggest none."""
    program = image_program(service.image)
    if program in _POSTGRES:
        user = service.environment.get("POSTGRES_USER", _DEFAULT_USER)
        return PostgresProbe(user=user, database=service.environment.get("POSTGRES_DB", user))
    if program in _REDIS:
        return RedisProbe()
    ports = [port.container for port in service.ports if port.protocol is Protocol.TCP]
    ports += [port.container for port in service.expose if port.protocol is Protocol.TCP]
    return TcpProbe(ports[0]) if ports else None


def image_program(image: str | None) -> str | None:
    """Return the last part of an image's name, without tag and digest: what it runs, usually."""
    if image is None:
        return None
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
