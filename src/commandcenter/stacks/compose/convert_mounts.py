"""`volumes` and `tmpfs` of a service: the short forms and the long one."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from commandcenter.stacks.compose.confine import confined, is_engine_socket
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import ProjectFiles
from commandcenter.stacks.compose.units import parse_boolean, parse_bytes, parse_mode
from commandcenter.stacks.resources import BindMount, Mount, TmpfsMount, VolumeMount

_CONSISTENCY = {"consistent", "cached", "delegated"}  # of another system; no meaning here
_PRIVATE = {"private", "rprivate"}
_SHARED = {"shared", "rshared", "slave", "rslave"}
_RESERVED_TARGETS = ("/proc", "/sys", "/dev")


def mounts_of(service: Cursor, volumes: frozenset[str], files: ProjectFiles) -> tuple[Mount, ...]:
    """Return the mounts, one for each target; `volumes` are the names the stack declares."""
    found: dict[str, Mount] = {}
    entries = service.get("volumes")
    for entry in entries.each() if entries else ():
        mount = (
            _long(entry, volumes, files) if entry.node.is_mapping else _short(entry, volumes, files)
        )
        if mount is not None and target_is_fine(mount.target, entry):
            clean = _clean(mount.target)
            found[clean] = replace(mount, target=clean)
    temporary = service.get("tmpfs")
    for entry in temporary.each() if temporary else ():
        for tmpfs in _tmpfs(entry):
            if target_is_fine(tmpfs.target, entry):
                found.setdefault(_clean(tmpfs.target), tmpfs)
    return tuple(found.values())


def _clean(target: str) -> str:
    return str(PurePosixPath(target))


def target_is_fine(target: str, entry: Cursor) -> bool:
    """Whether something may be put at this path of a service; if not, it is reported."""
    parts = PurePosixPath(target).parts
    if not target.startswith("/") or ".." in parts or "\0" in target:
        entry.invalid(f'the target "{target[:100]}" is not an absolute path')
        return False
    if _clean(target).rstrip("/") in ("", *_RESERVED_TARGETS) or parts[1] in ("proc", "sys"):
        entry.unsafe(f"nothing can be mounted at {target[:100]}, which the system itself needs")
        return False
    return True


def _short(entry: Cursor, volumes: frozenset[str], files: ProjectFiles) -> Mount | None:
    parts = entry.text.split(":")
    if not all(parts) or len(parts) > 3:  # noqa: PLR2004 - source, target, options
        entry.invalid(
            f'"{entry.text[:100]}" is not a volume; write "name:/target" or "./folder:/target:ro"'
        )
        return None
    if len(parts) == 1:
        return VolumeMount(parts[0])
    source, target = parts[0], parts[1]
    read_only, copy = _options(entry, parts[2].split(",") if len(parts) > 2 else ())  # noqa: PLR2004 - as above
    if source.startswith((".", "/", "~")):
        located = confined(source, entry, files)
        return BindMount(located, target, read_only, create=True) if located else None
    return _volume(entry, source, target, volumes, read_only=read_only, copy=copy)


def _options(entry: Cursor, options: Iterable[str]) -> tuple[bool, bool]:
    read_only, copy = False, True
    for option in options:
        if option in ("ro", "rw"):
            read_only = option == "ro"
        elif option == "nocopy":
            copy = False
        elif option in ("z", "Z"):
            entry.note(f"{option}: files of the project are not relabelled for SELinux")
        elif option in _SHARED:
            _refuse_propagation(entry, option)
        elif option not in _PRIVATE | _CONSISTENCY:
            entry.invalid(f'"{option[:40]}" is not an option of a volume')
    return read_only, copy


def _refuse_propagation(entry: Cursor, word: str) -> None:
    entry.unsafe(f"mounts of the service would reach this machine, or the reverse ({word})")


def _volume(
    entry: Cursor,
    name: str,
    target: str,
    volumes: frozenset[str],
    *,
    read_only: bool,
    copy: bool,
) -> VolumeMount | None:
    if name not in volumes:
        entry.invalid(
            f'the volume "{name[:100]}" is not declared',
            f"add it under volumes, or write ./{name[:100]} for a folder of the project",
        )
        return None
    return VolumeMount(target, name, read_only, copy)


def _long(entry: Cursor, volumes: frozenset[str], files: ProjectFiles) -> Mount | None:
    kind, target = entry.text_at("type"), entry.text_at("target")
    if target is None:
        entry.invalid("target is missing")
        return None
    source, read_only = entry.text_at("source"), entry.flag("read_only")
    match kind:
        case "bind":
            return _long_bind(entry, source, target, files, read_only=read_only)
        case "volume":
            options = entry.get("volume")
            copy = not (options is not None and options.flag("nocopy"))
            if options is not None and (subpath := options.get("subpath")) is not None:
                subpath.unsupported("a part of a volume cannot be mounted here")
            if source is None:
                return VolumeMount(target, None, read_only, copy)
            return _volume(entry, source, target, volumes, read_only=read_only, copy=copy)
        case "tmpfs":
            options = entry.get("tmpfs")
            size = options.parse_at("size", parse_bytes, None) if options else None
            mode = options.parse_at("mode", parse_mode, None) if options else None
            return TmpfsMount(target, size, mode)
        case _:
            if source is not None and is_engine_socket(source):
                confined(source, entry, files)
            entry.unsupported(
                f'a volume of the type "{kind}" cannot be mounted here',
                "bind, volume and tmpfs can",
            )
            return None


def _long_bind(
    entry: Cursor, source: str | None, target: str, files: ProjectFiles, *, read_only: bool
) -> BindMount | None:
    if source is None:
        entry.invalid("source is missing")
        return None
    create = _bind_options(entry)
    located = confined(source, entry, files)
    return BindMount(located, target, read_only, create) if located else None


def _bind_options(entry: Cursor) -> bool:
    options = entry.get("bind")
    if options is None:
        return True
    propagation = options.get("propagation")
    if propagation is not None and propagation.text not in _PRIVATE:
        _refuse_propagation(propagation, propagation.text)
    selinux = options.get("selinux")
    if selinux is not None:
        selinux.note("files of the project are not relabelled for SELinux")
    recursive = options.get("recursive")
    if recursive is not None and recursive.text != "enabled":
        recursive.unsupported("a bind mount takes in what is mounted below it")
    return options.parse_at("create_host_path", parse_boolean, default=True)


def _tmpfs(entry: Cursor) -> Iterator[TmpfsMount]:
    target, _, rest = entry.text.partition(":")
    size: int | None = None
    mode: int | None = None
    for option in rest.split(",") if rest else ():
        name, _, value = option.partition("=")
        try:
            if name == "size":
                size = parse_bytes(value)
            elif name == "mode":
                mode = parse_mode(value)
            elif name in ("suid", "dev"):
                entry.unsafe(f"a tmpfs is mounted without {name}")
            elif name not in ("rw", "noexec", "nosuid", "nodev"):
                entry.unsupported(f'the tmpfs option "{name[:40]}" is not known here')
        except ValueError as error:
            entry.invalid(str(error))
    yield TmpfsMount(target, size, mode)
