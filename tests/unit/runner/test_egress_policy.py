import ipaddress

import pytest

from commandcenter.runner.egress_policy import (
    Destination,
    EgressPolicy,
    EgressRefusedError,
    check_address,
    parse_destination,
)
from commandcenter.runner.errors import BadRequestError

ANY = "0.0.0.0"  # noqa: S104 - to be refused


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Example.ORG:443", "example.org", 443),
        ("example.org.:443", "example.org", 443),
        ("[2001:DB8::1]:80", "2001:db8::1", 80),
        ("192.0.2.1:8080", "192.0.2.1", 8080),
        ("bücher.example:443", "xn--bcher-kva.example", 443),
        ("a_b.internal:1", "a_b.internal", 1),
    ],
)
def test_destinations_have_one_form(text: str, host: str, port: int) -> None:
    assert parse_destination(text) == Destination(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "example.org", "example.org:", "example.org:0", "example.org:65536", "example.org:+80",
        ":80", "a b:80", "user@example.org:80", "example.org/x:80", "*.example.org:443",
        "127.1:80", "2130706433:80", "0x7f.1:80", "0x7f000001:80", "0177.0.0.1:80",
        "-x.org:80", "x..org:80", "[::1:80", "[127.0.0.1]:80", "exa\nmple.org:80",
        "example.org:\uff14\uff14\uff13", "a" * 64 + ".org:80",
    ],
)  # fmt: skip
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="allow-list"):
        EgressPolicy.parse([text])


def test_only_the_exact_host_and_port_are_permitted() -> None:
    policy = EgressPolicy.parse(["api.example.org:443"])
    policy.check_name(parse_destination("API.example.org.:443"))
    for other in (
        "example.org:443", "api.example.org:80", "evilapi.example.org:443",
        "api.example.org.evil.net:443", "xapi.example.org:443", "192.0.2.1:443",
    ):  # fmt: skip
        with pytest.raises(EgressRefusedError):
            policy.check_name(parse_destination(other))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        ANY, "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "ff02::1", "2002:7f00:1::",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_a_name_must_lead_to_a_public_address(address: str) -> None:
    with pytest.raises(EgressRefusedError):
        check_address(Destination("rebound.example.org", 80), ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_public_addresses_are_reached(address: str) -> None:
    check_address(Destination("example.org", 443), ipaddress.ip_address(address))


def test_a_written_address_is_meant_but_never_link_local() -> None:
    check_address(Destination("127.0.0.1", 80), ipaddress.ip_address("127.0.0.1"))
    for address in ("169.254.169.254", "fe80::1", ANY, "::ffff:169.254.169.254"):
        with pytest.raises(EgressRefusedError):
            check_address(Destination(address, 80), ipaddress.ip_address(address))
