import pytest

from commandcenter.stacks.health import (
    HealthCheck,
    ImageProbe,
    NoProbe,
    PostgresProbe,
    Probe,
    RedisProbe,
    ShellProbe,
    TcpProbe,
)
from commandcenter.stacks.model import Service
from commandcenter.stacks.probing import effective_health, image_program, with_implied_probe
from commandcenter.stacks.resources import ExposedPort, Port, Protocol


@pytest.mark.parametrize(
    ("image", "program"),
    [
        ("postgres", "postgres"),
        ("postgres:16-alpine", "postgres"),
        ("host.example:5000/library/redis:7@sha256:abc", "redis"),
        ("host.example:5000/app", "app"),
        (None, None),
    ],
)
def test_the_program_of_an_image(image: str | None, program: str | None) -> None:
    assert image_program(image) == program


@pytest.mark.parametrize(
    ("service", "probe"),
    [
        (Service("db", image="postgres:16"), PostgresProbe()),
        (
            Service("db", image="postgis/postgis", environment={"POSTGRES_USER": "u"}),
            PostgresProbe(user="u", database="u"),
        ),
        (
            Service("db", image="postgres", environment={"POSTGRES_DB": "d"}),
            PostgresProbe(database="d"),
        ),
        (Service("cache", image="valkey/valkey:8"), RedisProbe()),
        (Service("web", image="nginx", ports=(Port(80),)), TcpProbe(80)),
        (Service("web", image="x", expose=(ExposedPort(81),)), TcpProbe(81)),
        (Service("dns", image="x", ports=(Port(53, protocol=Protocol.UDP),)), None),
        (Service("job", image="x"), None),
    ],
)
def test_what_says_nothing_is_asked_all_the_same(service: Service, probe: Probe | None) -> None:
    found = effective_health(service)
    assert (found.probe if found else None) == probe


def test_what_is_declared_is_kept() -> None:
    check = HealthCheck(ShellProbe("x"))
    assert effective_health(Service("db", image="postgres", health=check)) is check
    off = Service("db", image="postgres", health=HealthCheck(NoProbe()))
    assert effective_health(off) is None


def test_the_times_of_an_image_check_are_kept() -> None:
    check = HealthCheck(ImageProbe(), interval_seconds=7)
    service = Service("cache", image="redis", health=check)
    assert effective_health(service) is check
    assert with_implied_probe(service, check) == HealthCheck(RedisProbe(), interval_seconds=7)
    assert with_implied_probe(Service("job", image="x"), check) is None
