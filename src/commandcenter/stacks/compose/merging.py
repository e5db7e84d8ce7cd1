"""Putting one compose tree over another, by the rules of the specification."""

from collections.abc import Callable, Iterable

from commandcenter.stacks.compose.problems import Place
from commandcenter.stacks.compose.source import (
    OVERRIDE,
    RESET,
    Node,
    SourceError,
    mapping,
    scalar,
    sequence,
    with_child,
)

Path = tuple[str, ...]
_Merger = Callable[[Node, Node, Path], Node]


def merge(base: Node, over: Node, path: Path = ()) -> Node:
    """Return `base` with `over` on top; SourceError where the two do not fit together."""
    special = next((rule for pattern, rule in _RULES if _matches(path, pattern)), None)
    if over.tag == OVERRIDE or special is _replace:
        return over
    if over.value is None:
        return base
    if special is not None and base.value is not None:
        return special(base, over, path)
    if base.is_mapping:
        return _merge_mappings(base, over, path)
    if base.is_list:
        return _append(base, over, path)
    return over


def _append(base: Node, over: Node, path: Path) -> Node:
    if not over.is_list:
        raise _clash(base, over, path)
    if path[-1] in _UNIQUE:  # repeats are taken out in the end, where the last one wins
        return sequence([*base.value, *over.value], over.place)
    known = {_text_key(item) for item in base.value} - {None}
    added = [item for item in over.value if _text_key(item) not in known]
    return sequence([*base.value, *added], over.place)


def _clash(base: Node, over: Node, path: Path) -> SourceError:
    return SourceError(
        f"{'.'.join(path)} is {over.kind} here and cannot be put over {base.kind}",
        over.place,
        f"the other is in {base.place}",
    )


def strip_tags(node: Node) -> Node:
    """Return the tree without what is tagged `!reset`, and without other tags."""
    if node.is_mapping:
        kept = {key: strip_tags(child) for key, child in node.value.items() if child.tag != RESET}
        return mapping(kept, node.place, node.keys)
    if node.is_list:
        kept_items = [strip_tags(child) for child in node.value if child.tag != RESET]
        return sequence(kept_items, node.place)
    return node


def without_repeats(root: Node) -> Node:
    """Return the tree with lists that hold each thing once holding it once, the last one kept."""
    services = root.get("services")
    if services is None or not services.is_mapping:
        return root
    changed = {name: _service_once(service) for name, service in services.value.items()}
    return with_child(root, "services", mapping(changed, services.place, services.keys))


def _service_once(service: Node) -> Node:
    for name, key_of in _UNIQUE.items():
        values = service.get(name)
        if values is None or not values.is_list:
            continue
        found: dict[object, Node] = {}
        for index, item in enumerate(values.value):
            key = key_of(item)
            # Replacing keeps the first one's position, as in Compose.
            found[index if key is None else key] = item
        if len(found) < len(values.value):
            service = with_child(service, name, sequence(list(found.values()), values.place))
    return service


def as_mapping(node: Node, separators: str = "=") -> Node:
    """Return `[K=V, K]` as `{K: V, K: null}`; a mapping as it is."""
    if not node.is_list:
        return node
    values: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for item in node.value:
        if not isinstance(item.value, str):
            raise SourceError(f"must be a string NAME=value, not {item.kind}", item.place)
        cut = min((at for mark in separators if (at := item.value.find(mark)) > 0), default=-1)
        key, value = (item.value, None) if cut < 0 else (item.value[:cut], item.value[cut + 1 :])
        values[key] = scalar(value, item.place)
        keys[key] = item.place
    return mapping(values, node.place, keys)


def as_list(node: Node) -> Node:
    """Return one string as a list of it; a list as it is."""
    return node if node.is_list else sequence([node], node.place)


def _merge_mappings(base: Node, over: Node, path: Path, *, merge_values: bool = True) -> Node:
    if not (base.is_mapping and over.is_mapping):
        raise _clash(base, over, path)
    values: dict[str, Node] = dict(base.value)
    keys = {**base.keys, **over.keys}
    for key, child in over.value.items():
        if child.tag == RESET:
            values.pop(key, None)
        elif merge_values and key in values and values[key].tag != RESET:
            values[key] = merge(values[key], child, (*path, key))
        else:
            values[key] = child
    return mapping(values, over.place, keys, base.tag)


def _by_name(base: Node, over: Node, path: Path) -> Node:
    """Names and values: a name without a value is one too, and takes the place of the other."""
    return _merge_mappings(as_mapping(base), as_mapping(over), path, merge_values=False)


def _hosts(base: Node, over: Node, path: Path) -> Node:
    return _merge_mappings(as_mapping(base, "=:"), as_mapping(over, "=:"), path)


def _lists(base: Node, over: Node, _path: Path) -> Node:
    return sequence([*as_list(base).value, *as_list(over).value], over.place)


def _replace(_base: Node, over: Node, _path: Path) -> Node:
    return over


def _build(base: Node, over: Node, path: Path) -> Node:
    return _merge_mappings(_build_mapping(base), _build_mapping(over), path)


def _build_mapping(node: Node) -> Node:
    return node if node.is_mapping else mapping({"context": node}, node.place)


def _depends_on(base: Node, over: Node, path: Path) -> Node:
    return _merge_mappings(dependencies(base), dependencies(over), path)


def dependencies(node: Node) -> Node:
    """Return the short form of depends_on in its long form."""
    if not node.is_list:
        return node
    entries = {
        str(item.value): mapping(
            {
                "condition": scalar("service_started", item.place),
                "required": scalar(value=True, place=item.place),
            },
            item.place,
        )
        for item in node.value
    }
    return mapping(entries, node.place)


def _named(base: Node, over: Node, path: Path) -> Node:
    return _merge_mappings(_names(base), _names(over), path)


def _names(node: Node) -> Node:
    if not node.is_list:
        return node
    return mapping({str(item.value): scalar(None, item.place) for item in node.value}, node.place)


def _logging(base: Node, over: Node, path: Path) -> Node:
    if not (base.is_mapping and over.is_mapping):
        return over
    drivers = [driver.value for node in (base, over) if (driver := node.get("driver")) is not None]
    if len(set(drivers)) > 1:
        return over
    return _merge_mappings(base, over, path)


_SERVICE = ("services", "*")
_RULES: tuple[tuple[Path, _Merger], ...] = (
    *(
        ((*_SERVICE, *name), _by_name)
        for name in (
            ("annotations",),
            ("build", "args"),
            ("build", "additional_contexts"),
            ("build", "labels"),
            ("deploy", "labels"),
            ("environment",),
            ("labels",),
            ("sysctls",),
        )
    ),
    (("networks", "*", "labels"), _by_name),
    (("volumes", "*", "labels"), _by_name),
    *(
        ((*_SERVICE, name), _lists)
        for name in ("dns", "dns_opt", "dns_search", "env_file", "label_file", "tmpfs")
    ),
    *(((*_SERVICE, name), _replace) for name in ("command", "entrypoint")),
    ((*_SERVICE, "healthcheck", "test"), _replace),
    ((*_SERVICE, "ulimits", "*"), _replace),
    ((*_SERVICE, "build"), _build),
    ((*_SERVICE, "build", "extra_hosts"), _hosts),
    ((*_SERVICE, "extra_hosts"), _hosts),
    ((*_SERVICE, "depends_on"), _depends_on),
    ((*_SERVICE, "models"), _named),
    ((*_SERVICE, "networks"), _named),
    ((*_SERVICE, "logging"), _logging),
)


def _matches(path: Path, pattern: Path) -> bool:
    return len(path) == len(pattern) and all(
        wanted in ("*", part) for part, wanted in zip(path, pattern, strict=True)
    )


def _text_key(item: Node) -> object | None:
    return str(item.value) if not (item.is_mapping or item.is_list) else None


def _target_key(item: Node) -> object | None:
    if item.is_mapping:
        return _value(item.get("target"))
    return mount_target(item.value) if isinstance(item.value, str) else None


def mount_target(spec: str) -> str:
    """Return where a short volume entry (`[source:]target[:options]`) is mounted."""
    parts = spec.split(":")
    return parts[0] if len(parts) == 1 else parts[1]


def _grant_key(folder: str) -> Callable[[Node], object | None]:
    def key(item: Node) -> object | None:
        if isinstance(item.value, str):
            return f"{folder}/{item.value}"
        target, source = item.get("target"), item.get("source")
        if target is not None:
            return _value(target)
        return f"{folder}/{source.value}" if source is not None else None

    return key


def _env_file_key(item: Node) -> object | None:
    return _value(item.get("path") if item.is_mapping else item)


def _value(node: Node | None) -> object | None:
    value: object = node.value if node is not None else None
    return value if isinstance(value, str | int | float) else None


def _port_key(item: Node) -> object | None:
    if not item.is_mapping:
        return str(item.value)
    parts = [item.get(name) for name in ("host_ip", "published", "target", "protocol")]
    return tuple(str(part.value) if part is not None else "" for part in parts)


def _keys(names: Iterable[str]) -> dict[str, Callable[[Node], object | None]]:
    return dict.fromkeys(names, _text_key)


_UNIQUE: dict[str, Callable[[Node], object | None]] = {
    **_keys(("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "expose", "links")),
    **_keys(("profiles", "tmpfs", "security_opt", "group_add")),
    "volumes": _target_key,
    "devices": _text_key,
    "secrets": _grant_key("/run/secrets"),
    "configs": _grant_key(""),
    "env_file": _env_file_key,
    "ports": _port_key,
}
