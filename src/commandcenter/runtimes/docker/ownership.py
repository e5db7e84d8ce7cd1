"""Why a service may not write where it keeps its data: whose its volumes are."""

from collections.abc import Iterable
from typing import Any

from commandcenter.runtimes.docker.volumes import Volumes

_REFUSALS = ("permission denied", "operation not permitted", "eacces", "eperm")


def speaks_of_rights(lines: Iterable[str]) -> bool:
    """Whether a program's words are those of one that was not let do something."""
    return any(word in line.lower() for line in lines for word in _REFUSALS)


async def explain_owners(volumes: Volumes, told: dict[str, Any]) -> str:
    """Return in words which of a container's volumes are not its user's; "" if all are.

    `told` is the engine's inspection. Raises the errors of `Volumes.owners`.
    """
    user = str(told["Config"].get("User") or "0")
    places = {
        mount["Name"]: mount["Destination"]
        for mount in told.get("Mounts") or ()
        if mount["Type"] == "volume" and mount["RW"]
    }
    for name, owner in (await volumes.owners(tuple(places))).items():
        if owner.partition(":")[0] != user.partition(":")[0]:
            return (
                f"The volume at {places[name]} belongs to user {owner}, and the service runs as "
                f"{user}. Let it run as that user (user: '{owner}'), or give it the volume: "
                f"docker run --rm --user 0 --volume {name}:/volume --entrypoint chown "
                f"{str(told['Image']).removeprefix('sha256:')[:12]} -R {user} /volume"
            )
    return ""
