import pytest

from commandcenter.stacks.default_stack import (
    StackLayout,
    StackPorts,
    StackSecrets,
    default_stack,
)
from commandcenter.stacks.health import HttpProbe, PostgresProbe, RedisProbe
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.order import start_order
from commandcenter.stacks.resources import BindMount, PortRange, ServiceLimits, VolumeMount

PORTS = StackPorts(postgres=15432, redis=16379, backend=18000, frontend=13000)
SECRETS = StackSecrets(database_password="p" * 30 + "/@", secret_key="k" * 32)
MIB = 1024**2


def one(name: str, stack: Stack | None = None) -> Service:
    found = (stack or default_stack("my-shop", PORTS, SECRETS)).service(name)
    assert found is not None
    return found


def test_the_four_services_start_in_order() -> None:
    stack = default_stack("my-shop", PORTS, SECRETS)
    assert start_order(stack).levels == (("postgres", "redis"), ("backend",), ("frontend",))
    assert stack.name == "my-shop"


def test_what_they_are_told() -> None:
    assert one("backend").environment == {
        "DATABASE_URL": f"postgresql://app:{'p' * 30}%2F%40@postgres:5432/my_shop",
        "REDIS_URL": "redis://redis:6379/0",
        "SECRET_KEY": "k" * 32,
        "PROJECT_NAME": "my-shop",
    }
    assert one("frontend").environment == {
        "VITE_API_BASE_URL": "http://localhost:18000",
        "VITE_PROJECT_NAME": "my-shop",
    }
    assert one("postgres").environment["POSTGRES_PASSWORD"] == SECRETS.database_password
    assert one("postgres").environment["POSTGRES_DB"] == "my_shop"


def test_limits_are_the_demanded_ones_and_adjustable() -> None:
    stack = default_stack("s", PORTS, SECRETS, limits={"redis": ServiceLimits(2.0, 64 * MIB)})
    assert {each.name: (each.limits.cpus, each.limits.memory_bytes) for each in stack.services} == {
        "postgres": (1.0, 2048 * MIB),
        "redis": (2.0, 64 * MIB),
        "backend": (1.0, 1024 * MIB),
        "frontend": (0.5, 512 * MIB),
    }
    assert one("redis").limits == ServiceLimits(0.5, 512 * MIB)
    with pytest.raises(ValueError, match="no service nope"):
        default_stack("s", PORTS, SECRETS, limits={"nope": ServiceLimits()})


def test_each_is_asked_by_its_protocol() -> None:
    stack = default_stack("my-shop", PORTS, SECRETS)
    assert [each.health.probe for each in stack.services if each.health] == [
        PostgresProbe(5432, "app", "my_shop"),
        RedisProbe(6379),
        HttpProbe(8000, "/health"),
        HttpProbe(3000, "/"),
    ]


def test_none_is_root_and_ports_are_on_loopback() -> None:
    stack = default_stack("my-shop", PORTS, SECRETS)
    assert [each.user for each in stack.services] == ["999:999"] * 2 + ["1000:1000"] * 2
    ports = [port for each in stack.services for port in each.ports]
    assert {port.host_ip for port in ports} == {"127.0.0.1"}
    assert [(port.container, port.published) for port in ports] == [
        (5432, PortRange(15432, 15432)),
        (6379, PortRange(16379, 16379)),
        (8000, PortRange(18000, 18000)),
        (3000, PortRange(13000, 13000)),
    ]


def test_the_folder_is_the_workspace_and_data_is_in_volumes() -> None:
    layout = StackLayout(".", "app.main:app", "web")
    stack = default_stack("my-shop", PORTS, SECRETS, layout=layout)
    assert one("backend", stack).mounts == (BindMount(".", "/workspace"),)
    assert one("backend", stack).working_directory == "/workspace"
    assert "app.main:app" in (one("backend", stack).command or ())
    assert one("frontend", stack).working_directory == "/workspace/web"
    assert one("postgres").mounts == (VolumeMount("/var/lib/postgresql/data", "postgres-data"),)
    assert {volume.name for volume in stack.volumes} == {"postgres-data", "redis-data"}


def test_secrets_are_long_and_not_shown() -> None:
    stack = default_stack("my-shop", PORTS, SECRETS)
    assert SECRETS.database_password not in repr((stack, SECRETS))
    assert SECRETS.secret_key not in repr((stack, SECRETS))
    with pytest.raises(ValueError, match="at least 32"):
        StackSecrets(database_password="short", secret_key="k" * 32)
