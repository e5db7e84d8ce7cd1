"""`environment`, `env_file`, `labels`: names and values from lists, mappings and files."""

from collections.abc import Mapping

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.dotenv import EnvFileError, parse_env_file
from commandcenter.stacks.compose.loading import Loader
from commandcenter.stacks.compose.merging import as_mapping
from commandcenter.stacks.compose.problems import Place, Refusal
from commandcenter.stacks.compose.units import parse_boolean, text_of

_OWN_LABELS = ("commandcenter", "com.docker.compose", "com.docker.stack", "io.podman")


def environment_of(service: Cursor, outside: Mapping[str, str], loader: Loader) -> dict[str, str]:
    """Return the variables of a service: env files in their order, then `environment`.

    A name without a value takes it from `outside`, or is left out.
    """
    values = _from_files(service, outside, loader)
    declared = service.get("environment")
    if declared is None:
        return values
    for name, entry in as_mapping(declared.node).value.items():
        if not name or "\0" in name or "=" in name:
            _invalid_name(declared, name)
        elif entry.value is not None:
            values[name] = text_of(entry.value)
        elif name in outside:
            values[name] = outside[name]
        else:
            values.pop(name, None)  # as in Compose: named without a value, it is unset
    return values


def _invalid_name(declared: Cursor, name: str) -> None:
    declared.invalid(f'"{name[:60]}" is not the name of a variable')


def _from_files(service: Cursor, outside: Mapping[str, str], loader: Loader) -> dict[str, str]:
    values: dict[str, str] = {}
    attribute = service.get("env_file")
    for entry in attribute.each() if attribute else ():
        path, required, raw = entry.text, True, False
        if entry.node.is_mapping:
            path = entry.text_at("path") or ""
            required = entry.parse_at("required", parse_boolean, default=True)
            form = entry.get("format")
            raw = form is not None and form.text == "raw"
            if form is not None and not raw:
                form.unsupported(f'the format "{form.text[:40]}" is not known here')
        text = loader.text(path, entry.place, entry.path, required=required)
        if text is None:
            continue
        known = {**values, **outside}
        try:
            values |= parse_env_file(text, known.get, raw=raw)
        except EnvFileError as error:
            entry.findings.refuse(Refusal.INVALID, entry.path, Place(path, error.line), str(error))
    return values


def labels_of(owner: Cursor, loader: Loader | None = None) -> dict[str, str]:
    """Return the labels; those that this program goes by are refused."""
    values: dict[str, str] = {}
    attribute = owner.get("label_file")
    if attribute is not None and loader is not None:
        for entry in attribute.each():
            values |= loader.environment(entry.text, {}, entry.place, entry.path)
    declared = owner.get("labels")
    if declared is not None:
        for name, entry_node in as_mapping(declared.node).value.items():
            values[name] = text_of(entry_node.value)
    for name in values:
        if name.startswith(_OWN_LABELS):
            where = declared or attribute or owner
            where.unsafe(f"the label {name[:100]} is how services are told apart; take it away")
    return values
