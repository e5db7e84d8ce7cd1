"""What a definition asks of a runtime that not every runtime can."""

from collections.abc import Iterator

from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.stacks.errors import ServiceUnsupportedError
from commandcenter.stacks.model import Service
from commandcenter.stacks.preparing.common import SECRETS, is_secret_file
from commandcenter.stacks.resources import Protocol


def refuse_unmet(service: Service, can: Capabilities) -> None:
    """Raise `ServiceUnsupportedError` naming all that the service asks for in vain."""
    unmet = [(feature, words) for feature, words in _asked(service) if feature not in can.features]
    if unmet:
        raise ServiceUnsupportedError(
            f"{service.name} cannot run on the runtime {can.name}: "
            f"{'; '.join(words for _, words in unmet)}.",
            fields={"service": service.name},
            needs=frozenset(feature for feature, _ in unmet),
        )


def _asked(service: Service) -> Iterator[tuple[Feature, str]]:
    if service.build is not None:
        yield Feature.BUILDS, f"it is built from {service.build.dockerfile}"
    if service.extra_hosts:
        yield Feature.EXTRA_HOSTS, "extra_hosts cannot be added"
    if service.cap_add:
        names = ", ".join(service.cap_add)
        yield Feature.CAPABILITIES, f"capabilities are never added ({names})"
    if service.ulimits:
        yield Feature.ULIMITS, "ulimits cannot be set"
    udp = [str(port.container) for port in service.ports if port.protocol is Protocol.UDP]
    if udp:
        yield Feature.UDP_PORTS, f"UDP ports cannot be published ({', '.join(udp)})"
    files = [grant.name for grant in service.files if not is_secret_file(grant)]
    if files:
        names = ", ".join(files)
        yield Feature.FILES, f"configs and secrets outside {SECRETS} ({names})"
