"""`secrets` and `configs`: single files given to services."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from commandcenter.stacks.compose.confine import confined
from commandcenter.stacks.compose.convert_mounts import target_is_fine
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import ProjectFiles
from commandcenter.stacks.compose.units import parse_boolean, parse_mode
from commandcenter.stacks.resources import FileGrant, GrantKind

_SECTION = {GrantKind.SECRET: "secrets", GrantKind.CONFIG: "configs"}
_FOLDER = {GrantKind.SECRET: "/run/secrets/", GrantKind.CONFIG: "/"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a secret or config comes from; both None: it was refused."""

    path: str | None = None
    content: str | None = field(default=None, repr=False)


def sources_of(
    root: Cursor, kind: GrantKind, environment: Mapping[str, str], files: ProjectFiles
) -> dict[str, Source]:
    """Return the declared secrets or configs by name; what cannot be given is reported."""
    section = root.get(_SECTION[kind])
    return {
        name: _source(entry, environment, files)
        for name, entry in (section.named() if section else ())
    }


def _source(entry: Cursor, environment: Mapping[str, str], files: ProjectFiles) -> Source:
    if entry.node.value is None:
        return Source()  # reported by the schema
    external = entry.get("external")
    if external is not None and (
        external.node.is_mapping or external.parse(parse_boolean, default=True)
    ):
        entry.unsafe(
            "an external one is not this project's", "name a file of the project, or a variable"
        )
        return Source()
    for name in ("driver", "driver_opts", "template_driver"):
        option = entry.get(name)
        if option is not None:
            option.unsupported("only files, variables and contents are given to services")
    given = [name for name in ("file", "environment", "content") if entry.get(name)]
    if len(given) != 1:
        entry.invalid("it needs exactly one of file, environment and content")
        return Source()
    text = entry.text_at(given[0]) or ""
    if given[0] == "content":
        return Source(content=text)
    if given[0] == "environment":
        value = environment.get(text)
        if value is None:
            entry.invalid(f"the variable {text[:100]} is not set", "set it in .env")
        return Source(content=value)
    where = entry.get("file") or entry
    return Source(path=confined(text, where, files))


def grants_of(
    service: Cursor, kind: GrantKind, sources: Mapping[str, Source]
) -> tuple[FileGrant, ...]:
    """Return the files given to a service."""
    found: dict[str, FileGrant] = {}
    attribute = service.get(_SECTION[kind])
    for entry in attribute.each() if attribute else ():
        long = entry.node.is_mapping
        name = (entry.text_at("source") or "") if long else entry.text
        source = sources.get(name)
        if source is None:
            entry.invalid(
                f'the {kind} "{name[:100]}" is not declared', f"add it under {_SECTION[kind]}"
            )
            continue
        if source.path is None and source.content is None:
            continue  # reported where it is declared
        target = (entry.text_at("target") if long else None) or name
        if not target.startswith("/"):
            target = _FOLDER[kind] + target
        if not target_is_fine(target, entry):
            continue
        found[target] = FileGrant(
            kind,
            name,
            target,
            source.path,
            source.content,
            entry.text_at("uid") if long else None,
            entry.text_at("gid") if long else None,
            entry.parse_at("mode", parse_mode, None) if long else None,
        )
    return tuple(found.values())
