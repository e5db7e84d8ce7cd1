"""Host user ids for the sandboxes of a hub that runs as root.

They come from a range that distributions leave free (above systemd's container range). Each data
directory uses a block of its own in it, so that two hubs do not share one id.
"""

import hashlib
from pathlib import Path

from commandcenter.runner.errors import IsolationError
from commandcenter.runner.spawn import Identity

FIRST_ID = 1_900_000_000
BLOCK = 256
BLOCKS = 1024
PROXY_ID = FIRST_ID + BLOCK * BLOCKS  # of the process that speaks to the network for sandboxes


class IdentityPool:
    """Hands out ids that no living sandbox of this runner has."""

    def __init__(self, data_directory: Path) -> None:
        digest = hashlib.sha256(str(data_directory).encode()).digest()
        first = FIRST_ID + int.from_bytes(digest[:4], "big") % BLOCKS * BLOCK
        self._free = list(range(first + BLOCK - 1, first - 1, -1))

    def take(self) -> Identity:
        if not self._free:
            raise IsolationError(
                f"{BLOCK} sandboxes run already; there is no free user id for another one.",
                hint="Lower the number of attempts at once.",
            )
        number = self._free.pop()
        return Identity(number, number)

    def give_back(self, identity: Identity) -> None:
        self._free.append(identity.uid)
