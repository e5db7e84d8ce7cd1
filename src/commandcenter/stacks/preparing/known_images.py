"""What is known for certain of some official images; of all others nothing is assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from commandcenter.stacks.probing import image_program

_HUBS = ("docker.io/", "index.docker.io/")
_LIBRARY = "library/"
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image that begins as root and goes on as a user of its own: it is begun as that user."""

    user: str  # looked up in the image, whose variants differ
    user_id: int  # of the usual variant, if the image has no such name
    tmpfs: Mapping[str, int] = field(default_factory=dict)  # where it writes besides its volumes
    works_read_only: bool = False


_KNOWN: Mapping[str, KnownImage] = {
    "postgres": KnownImage(
        "postgres", 999, {"/var/run/postgresql": 16 * _MIB}, works_read_only=True
    ),
    "redis": KnownImage("redis", 999, works_read_only=True),
    "mysql": KnownImage("mysql", 999, {"/var/run/mysqld": 16 * _MIB}),
    "mariadb": KnownImage("mysql", 999),
    "mongo": KnownImage("mongodb", 999),
    "rabbitmq": KnownImage("rabbitmq", 999),
    "nginx": KnownImage("nginx", 101, {"/var/cache/nginx": 64 * _MIB, "/var/run": 16 * _MIB}),
}


def official_name(image: str | None) -> str | None:
    """Return the name of an official image of Docker Hub; None for all others, namesakes too."""
    if image is None:
        return None
    name = image.partition("@")[0]
    for prefix in _HUBS:
        name = name.removeprefix(prefix)
    name = name.removeprefix(_LIBRARY)
    return None if "/" in name else image_program(name)


def known_image(image: str | None) -> KnownImage | None:
    return _KNOWN.get(official_name(image) or "")
