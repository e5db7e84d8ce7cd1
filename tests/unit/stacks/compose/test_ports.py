import pytest

from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.resources import ExposedPort, Port, PortRange, Protocol
from tests.unit.stacks.compose.reading_parts import refused_service, service


def one(host: int) -> PortRange:
    return PortRange(host, host)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("3000", [Port(3000)]),
        ('"3000"', [Port(3000)]),
        ('"8000:80"', [Port(80, one(8000))]),
        ('"127.0.0.1:8000:80"', [Port(80, one(8000), host_ip="127.0.0.1")]),
        ('"0.0.0.0:8000:80"', [Port(80, one(8000), host_ip="0.0.0.0")]),  # noqa: S104 - read, not bound
        ('"127.0.0.1::80"', [Port(80, host_ip="127.0.0.1")]),
        ('"[::1]:8000:80"', [Port(80, one(8000), host_ip="::1")]),
        ('"53:53/udp"', [Port(53, one(53), Protocol.UDP)]),
        ('"9000-9001:70-71"', [Port(70, one(9000)), Port(71, one(9001))]),
        ('"6000-6002:80"', [Port(80, PortRange(6000, 6002))]),
        ('"5000-5001"', [Port(5000), Port(5001)]),
        (
            "{target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp, name: n}",
            [Port(80, one(8080), Protocol.UDP, "127.0.0.1", "n")],
        ),
        ('{target: "80", published: "80-82", mode: host}', [Port(80, PortRange(80, 82))]),
    ],
)
def test_a_port_is_read(entry: str, expected: list[Port]) -> None:
    assert list(service(f"ports:\n  - {entry}").ports) == expected


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('"abc:80"', "not a whole number"),
        ('"80:99999"', "ports are 1 to 65535"),
        ('"0:80"', "ports are 1 to 65535"),
        ('"90-80:90-80"', "runs backwards"),
        ('"9000-9002:80-81"', "not of the same length"),
        ('"1.2.3:80:80"', "not an IP address"),
        ('"1:2:3:4:5"', "is not a port"),
        ('"1-65535:1-65535"', "more than 1000 ports"),
        ("{published: 80}", "target is missing"),
        ("{target: 80, mode: x}", "neither ingress nor host"),
        ("80.5", "not a whole number"),
    ],
)
def test_what_is_no_port_is_refused(entry: str, message: str) -> None:
    problem = refused_service(f"ports:\n  - {entry}")[0]
    assert (problem.refusal, problem.path) == (Refusal.INVALID, "services.web.ports[0]")
    assert message in problem.message
    assert problem.place.line == 5


def test_a_protocol_that_is_not_supported() -> None:
    assert refused_service('ports: ["1:1/sctp"]')[0].refusal is Refusal.UNSUPPORTED


def test_the_same_port_twice_is_one() -> None:
    assert len(service('ports: ["80:80", "80:80", {target: 80, published: 80}]').ports) == 1


def test_expose() -> None:
    assert service('expose: [80, "90/udp", "100-101"]').expose == (
        ExposedPort(80),
        ExposedPort(90, Protocol.UDP),
        ExposedPort(100),
        ExposedPort(101),
    )
    assert "not a whole number" in refused_service("expose: [x]")[0].message
