"""As whom a service runs in an image: never as root."""

from dataclasses import dataclass
from pathlib import Path

from commandcenter.runtimes.images import ImageFacts
from commandcenter.stacks.errors import ServiceUnsupportedError
from commandcenter.stacks.model import Service
from commandcenter.stacks.preparing.common import APPLICATION_ID
from commandcenter.stacks.preparing.known_images import KnownImage, known_image
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.resources import BindMount


@dataclass(frozen=True, slots=True)
class User:
    uid: int
    gid: int
    is_asked: bool  # the definition or the image says so itself


def names_user(service: Service) -> bool:
    """Whether a name, or the group of a number, has to be looked up in the image."""
    return bool(service.user) or known_image(service.image) is not None


def user_in(service: Service, place: Place, facts: ImageFacts, known: KnownImage | None) -> User:
    """Return the user: the definition's, the image's, the one it is known to change to, or 1000.

    An application that the project's folder is mounted into takes on the folder's owner, if that
    is an ordinary user: what it writes there is theirs. What the default stack says of users is
    meant for usual images, and gives way. Raises `ServiceUnsupportedError`.
    """
    if service.user and not place.is_default:
        return _asked(service, facts)
    if facts.uid:
        return User(facts.uid, facts.gid, is_asked=True)
    if known is not None:
        uid, gid = facts.users.get(known.user, (known.user_id, known.user_id))
        return User(uid, gid, is_asked=False)
    if _sees_folder(service) and (owner := _owner(place.folder)) is not None:
        return User(*owner, is_asked=False)
    return User(APPLICATION_ID, APPLICATION_ID, is_asked=False)


def _asked(service: Service, facts: ImageFacts) -> User:
    name, _, group = (service.user or "").partition(":")
    if name.isdigit():
        uid = int(name)
        gid = next((gid for known, gid in facts.users.values() if known == uid), uid)
    elif name in facts.users:
        uid, gid = facts.users[name]
    else:
        raise ServiceUnsupportedError(
            f"{service.name} is to run as {name}, and its image knows no such user.",
            hint="Name a user of the image, or give its number.",
            fields={"service": service.name},
        )
    if uid == 0:
        raise ServiceUnsupportedError(
            f"{service.name} is to run as {name}, which is root in its image.",
            hint="Name another user.",
            fields={"service": service.name},
        )
    if group:
        gid = int(group) if group.isdigit() else facts.groups.get(group, gid)
    return User(uid, gid, is_asked=True)


def _sees_folder(service: Service) -> bool:
    return any(isinstance(mount, BindMount) for mount in service.mounts)


def _owner(folder: Path) -> tuple[int, int] | None:
    """Return the folder's owner; None for root."""
    status = folder.stat()
    return (status.st_uid, status.st_gid or status.st_uid) if status.st_uid else None
