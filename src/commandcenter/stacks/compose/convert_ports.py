"""`ports` and `expose`: the short forms with ranges, and the long one."""

import ipaddress
import re
from collections.abc import Iterator

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.units import parse_integer
from commandcenter.stacks.resources import ExposedPort, Port, PortRange, Protocol

MAX_PORTS = 1000
_HIGHEST = 65535
_LONGEST = 200
_SHORT = re.compile(
    r"(?:(?:(?P<ip>\[[^\]]*\]|[^:\[\]]*):)?(?P<published>[^:/]*):)?(?P<target>[^:/]+)"
    r"(?:/(?P<protocol>.*))?"
)


class _UnknownProtocolError(ValueError):
    """A protocol that services are not reached by here."""


def ports_of(service: Cursor) -> tuple[Port, ...]:
    """Return the published ports, each once; what is wrong is reported."""
    found: dict[tuple[object, ...], Port] = {}
    ports = service.get("ports")
    for entry in ports.each() if ports else ():
        try:
            for port in _entry(entry):
                key = (port.container, port.published, port.protocol, port.host_ip)
                found[key] = port
        except _UnknownProtocolError as error:
            entry.unsupported(str(error))
        except ValueError as error:
            entry.invalid(str(error))
        if len(found) > MAX_PORTS:
            entry.invalid(f"more than {MAX_PORTS} ports")
            break
    return tuple(found.values())


def exposed_of(service: Cursor) -> tuple[ExposedPort, ...]:
    """Return the ports that other services use."""
    found: dict[ExposedPort, None] = {}
    expose = service.get("expose")
    for entry in expose.each() if expose else ():
        try:
            number, _, protocol = entry.text.partition("/")
            ports = _range(number)
            for port in range(ports.first, min(ports.last, ports.first + MAX_PORTS) + 1):
                found[ExposedPort(port, _protocol(protocol or "tcp"))] = None
        except ValueError as error:
            entry.invalid(str(error))
        if len(found) > MAX_PORTS:
            entry.invalid(f"more than {MAX_PORTS} ports")
            break
    return tuple(found)


def _entry(entry: Cursor) -> Iterator[Port]:
    if entry.node.is_mapping:
        yield _long(entry)
        return
    text = entry.text.strip()
    match = _SHORT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f'"{text[:60]}" is not a port; write "8080:80" or "127.0.0.1:8080:80"')
    target = _range(match["target"])
    published = _range(match["published"]) if match["published"] else None
    protocol = _protocol(match["protocol"] or "tcp")
    host_ip = _address(match["ip"]) if match["ip"] else None
    count = target.last - target.first + 1
    if count > MAX_PORTS:
        raise ValueError(f"more than {MAX_PORTS} ports")
    if published is None or count == 1:
        for container in range(target.first, target.last + 1):
            yield Port(container, published, protocol, host_ip)
        return
    if published.last - published.first + 1 != count:
        raise ValueError(f"{text[:60]}: the two ranges are not of the same length")
    for step in range(count):
        host = published.first + step
        yield Port(target.first + step, PortRange(host, host), protocol, host_ip)


def _long(entry: Cursor) -> Port:
    mode = entry.text_at("mode")
    if mode not in (None, "ingress", "host"):
        raise ValueError(f'the mode "{mode}" is neither ingress nor host')
    target = entry.get("target")
    if target is None:
        raise ValueError("target is missing")
    published = entry.text_at("published")
    host_ip = entry.text_at("host_ip")
    container = _range(target.text)
    if container.first != container.last:
        raise ValueError("target is one port")
    return Port(
        container.first,
        _range(published) if published else None,
        _protocol(entry.text_at("protocol") or "tcp"),
        _address(host_ip) if host_ip else None,
        entry.text_at("name"),
    )


def _range(text: str) -> PortRange:
    first, dash, last = text.partition("-")
    ports = PortRange(_number(first), _number(last) if dash else _number(first))
    if ports.last < ports.first:
        raise ValueError(f"the range {text[:40]} runs backwards")
    return ports


def _number(text: str) -> int:
    number = parse_integer(text)
    if not 0 < number <= _HIGHEST:
        raise ValueError(f"{number} is not a port; ports are 1 to {_HIGHEST}")
    return number


def _protocol(text: str) -> Protocol:
    try:
        return Protocol(text.lower())
    except ValueError:
        raise _UnknownProtocolError(f'the protocol "{text[:20]}" is neither tcp nor udp') from None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError(f'"{text[:60]}" is not an IP address of this machine') from None
