"""What becomes of a fork, from the wish to its end."""

from dataclasses import dataclass, field
from enum import StrEnum

_MB = 1000**2


class ForkPhase(StrEnum):
    COPYING = "copying"
    STARTING = "starting"  # the copy is complete, and its services are about to be started
    READY = "ready"
    UNDOING = "undoing"  # given up; what was made of it is taken away
    FAILED = "failed"  # nothing of it is left but the reason
    DISCARDING = "discarding"


@dataclass(slots=True)
class CopyProgress:
    """How far the copying is; changed by the thread that copies, read by others."""

    service: str = ""  # whose volume it is
    volume: str = ""
    done_bytes: int = 0
    sizes: dict[str, int] = field(default_factory=dict)  # by volume

    def begin(self, service: str, volume: str) -> None:
        self.service, self.volume, self.done_bytes = service, volume, 0

    def add(self, count: int) -> None:
        self.done_bytes += count

    @property
    def words(self) -> str:
        if not self.volume:
            return "waits for another copy to end"
        total = self.sizes.get(self.volume, 0)
        done = min(self.done_bytes, total)
        return f"copying {self.volume}: {_megabytes(done)} of {_megabytes(total)} MB"


def _megabytes(size: int) -> str:
    return f"{size / _MB:.0f}"
