"""Networks and volumes of the stack, and how a service takes part in them."""

import ipaddress
import re
from collections.abc import Iterator

from commandcenter.engine.issues import quoted
from commandcenter.stacks.compose.convert_environment import labels_of
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.merging import as_mapping
from commandcenter.stacks.compose.source import SourceError
from commandcenter.stacks.compose.units import parse_boolean
from commandcenter.stacks.resources import ExtraHost, NamedVolume, Network, NetworkAttachment

# Written into hosts files, where a space or a line break would begin something else.
HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
DEFAULT_NETWORK = "default"
_ATTACHMENT = frozenset({"aliases", "priority"})


def networks_of(root: Cursor) -> dict[str, Network]:
    """Return the declared networks by name, and the default one."""
    found: dict[str, Network] = {}
    section = root.get("networks")
    for name, network in section.named() if section else ():
        _refuse_network(network)
        internal = network.flag("internal")
        found[name] = Network(name, internal, labels_of(network))
    found.setdefault(DEFAULT_NETWORK, Network(DEFAULT_NETWORK))
    return found


def _refuse_network(network: Cursor) -> None:
    if _is_external(network):
        network.unsafe(
            "an external network leads to services of others", "take external away: it becomes "
            "a network of this project"
        )  # fmt: skip
    driver = network.text_at("driver")
    if driver in ("host", "macvlan", "ipvlan"):
        network.unsafe(f"the driver {driver} puts services into this machine's own network")
    elif driver not in (None, "", "bridge", "default"):
        network.unsupported(f'the driver "{driver}" is not known here', "bridge is")
    for name in ("driver_opts", "ipam"):
        options = network.get(name)
        if options is not None and options.node.value:
            options.unsupported(
                "addresses and devices of a network are chosen by CommandCenter",
                "services find each other by name",
            )
    ipv6, ipv4 = network.get("enable_ipv6"), network.get("enable_ipv4")
    if ipv6 is not None and ipv6.parse(parse_boolean, default=False):
        ipv6.unsupported("the project's networks are IPv4")
    if ipv4 is not None and not ipv4.parse(parse_boolean, default=True):
        ipv4.unsupported("the project's networks are IPv4")
    attachable = network.get("attachable")
    if attachable is not None:
        attachable.note("nothing but the project's services can join its networks")
    _note_name(network)


def volumes_of(root: Cursor) -> dict[str, NamedVolume]:
    """Return the declared volumes by name."""
    found: dict[str, NamedVolume] = {}
    section = root.get("volumes")
    for name, volume in section.named() if section else ():
        if _is_external(volume):
            volume.unsafe(
                "an external volume belongs to somebody else",
                "take external away: it becomes a volume of this project",
            )
        driver = volume.get("driver")
        if driver is not None and driver.text not in ("", "local"):
            driver.unsupported(f'the driver "{driver.text[:40]}" is not known here', "local is")
        _refuse_options(volume)
        _note_name(volume)
        found[name] = NamedVolume(name, labels_of(volume))
    return found


def _refuse_options(volume: Cursor) -> None:
    options = volume.get("driver_opts")
    if options is None or not options.node.value:
        return
    device = options.get("device")
    if device is not None and options.text_at("type") != "tmpfs":
        device.unsafe(
            f"{device.text[:100]} of this machine would be mounted by way of a volume",
            "use a volume without options, or a folder of the project",
        )
    else:
        options.unsupported("a volume has no options here")


def _is_external(owner: Cursor) -> bool:
    external = owner.get("external")
    if external is None:
        return False
    return external.node.is_mapping or external.parse(parse_boolean, default=True)


def _note_name(owner: Cursor) -> None:
    name = owner.get("name")
    if name is not None:
        name.note(f"{name.text[:100]}: the name on this machine is given by CommandCenter")


def attachments_of(
    service: Cursor, name: str, networks: dict[str, Network]
) -> tuple[NetworkAttachment, ...]:
    """Return the networks of a service: the default one if it names none."""
    aliases = _own_aliases(service, name)
    mode = service.get("network_mode")
    if mode is not None and not _default_mode(mode):
        return ()
    wanted = service.get("networks")
    if wanted is None or not wanted.node.value:
        return (NetworkAttachment(DEFAULT_NETWORK, aliases),)
    if mode is not None:
        mode.invalid("a service has either networks or network_mode")
    found: list[NetworkAttachment] = []
    entries = (
        [(entry.text, entry) for entry in wanted.each()]
        if wanted.node.is_list
        else list(wanted.entries())
    )
    for network, entry in entries:
        if network not in networks:
            entry.invalid(f'the network "{network[:100]}" is not declared', "add it under networks")
            continue
        if entry.node.is_mapping:
            entry.refuse_but(
                _ATTACHMENT, "addresses and devices of a network are chosen by CommandCenter"
            )
        given = entry.get("aliases") if entry.node.is_mapping else None
        names = tuple(_host_names(given)) if given else ()
        found.append(NetworkAttachment(network, tuple(dict.fromkeys((*aliases, *names)))))
    return tuple(found)


def _host_names(given: Cursor) -> Iterator[str]:
    for alias in given.each():
        if HOST_NAME.fullmatch(alias.text):
            yield alias.text
        else:
            alias.invalid(f"{quoted(alias.text)} is not a host name")


def _own_aliases(service: Cursor, name: str) -> tuple[str, ...]:
    container_name = service.get("container_name")
    if container_name is None or container_name.text == name:
        return ()
    if not HOST_NAME.fullmatch(container_name.text):
        container_name.invalid(f"{quoted(container_name.text)} is not a host name")
        return ()
    container_name.note(
        f"{container_name.text[:100]} is a name of the service within the project's network; "
        "its name on this machine is given by CommandCenter"
    )
    return (container_name.text,)


def _default_mode(mode: Cursor) -> bool:
    value = mode.text
    if value in ("", "default", "bridge"):
        return True
    if value == "host":
        mode.unsafe(
            "the service would be in this machine's own network", "publish its ports instead"
        )
    elif value.startswith("container:"):
        mode.unsafe("the container lies outside the project")
    elif value != "none":
        mode.unsupported(
            f"{value[:60]}: services do not share one network address", "let them use names"
        )
    return False


def extra_hosts_of(service: Cursor) -> tuple[ExtraHost, ...]:
    """Return the names added to a service's /etc/hosts."""
    found: list[ExtraHost] = []
    attribute = service.get("extra_hosts")
    if attribute is None:
        return ()
    try:
        hosts = _pairs(attribute)
    except SourceError as error:
        attribute.invalid(error.message)
        return ()
    for host, address in hosts:
        if not HOST_NAME.fullmatch(host):
            attribute.invalid(f"{quoted(host)} is not a host name")
            continue
        if address == "host-gateway":
            attribute.unsafe(f"{host[:100]} would lead to this machine's own services")
            continue
        try:
            found.append(ExtraHost(host, str(ipaddress.ip_address(address.strip("[]")))))
        except ValueError:
            attribute.invalid(f'"{address[:60]}" is not an IP address')
    return tuple(found)


def _pairs(attribute: Cursor) -> list[tuple[str, str]]:
    if not attribute.node.is_list:
        return [(name, each.text) for name, entry in attribute.entries() for each in entry.each()]
    return [
        (name, str(value.value or ""))
        for entry in attribute.each()
        for name, value in as_mapping(
            type(attribute.node)([entry.node], entry.place), "=:"
        ).value.items()
    ]
