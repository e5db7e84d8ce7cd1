"""Volumes that are gone or full. An empty one must not silently take the place of lost data.

Which volumes were made is noted beside them, as `DATA/volumes/PROJECT.made/NAME`.
"""

from contextlib import suppress
from pathlib import Path

from commandcenter.kit.disk import space_at
from commandcenter.runtimes.spec import AttemptSpec
from commandcenter.stacks.errors import VolumeGoneError


def refuse_gone(service: str, spec: AttemptSpec, volumes: Path) -> None:
    """Raise `VolumeGoneError` if a volume under `volumes` was made once, and is not there."""
    for source in gone(spec, volumes):
        note = _note(source)
        raise VolumeGoneError(
            f"The volume {source.name} of {service} is gone from {source}, with its data.",
            hint="Put it back. To begin with an empty one instead: "
            f"rm {note}, and start the service again.",
            fields={"service": service, "volume": source.name},
        )


def gone(spec: AttemptSpec, volumes: Path) -> list[Path]:
    """Return the volumes that were made and are not there."""
    return [each for each in _kept(spec, volumes) if _note(each).exists() and not each.exists()]


def trouble(spec: AttemptSpec, volumes: Path) -> str:
    """Return in words what is wrong with the service's volumes now; "" if nothing is."""
    for source in gone(spec, volumes):
        return f"its volume {source.name} is gone from the disk"
    for source in _kept(spec, volumes):
        with suppress(OSError):
            if space_at(source).is_exhausted:
                return f"the disk with its volume {source.name} is full"
    return ""


def note_made(spec: AttemptSpec, volumes: Path) -> None:
    """Keep in mind which volumes are there now. Raises OSError."""
    for source in _kept(spec, volumes):
        if source.is_dir() and not _note(source).exists():
            _note(source).parent.mkdir(mode=0o700, exist_ok=True)
            _note(source).touch()


def _kept(spec: AttemptSpec, volumes: Path) -> list[Path]:
    if spec.service is None:
        return []
    return [
        volume.source for volume in spec.service.volumes if volume.source.is_relative_to(volumes)
    ]


def _note(source: Path) -> Path:
    return source.parent.with_name(f"{source.parent.name}.made") / source.name
