"""Variables of a whole tree, and the paths of a file that lies in another folder."""

from collections.abc import Callable, Iterator

from commandcenter.stacks.compose.files import OutsideProjectError, normalise
from commandcenter.stacks.compose.interpolation import (
    InterpolationError,
    Interpolator,
    Lookup,
)
from commandcenter.stacks.compose.problems import Findings
from commandcenter.stacks.compose.source import Node, SourceError, mapping, scalar, sequence

MAX_CHARACTERS = 4 * 1024 * 1024
_TRUE = {"true", "y", "yes", "on"}
_FALSE = {"false", "n", "no", "off"}
_BOOLEANS = (
    ("services", "*", "depends_on", "*", "required"),
    ("services", "*", "depends_on", "*", "restart"),
)


def interpolate(root: Node, lookup: Lookup, findings: Findings) -> Node:
    """Return the tree with its variables replaced; what cannot be becomes a problem.

    SourceError if the result would be larger than `MAX_CHARACTERS`.
    """
    return _Substitution(lookup, findings).apply(root, ())


class _Substitution:
    def __init__(self, lookup: Lookup, findings: Findings) -> None:
        self._lookup = lookup
        self._findings = findings
        self._characters = 0

    def apply(self, node: Node, path: tuple[str, ...]) -> Node:
        if node.is_mapping:
            changed = {key: self.apply(child, (*path, key)) for key, child in node.value.items()}
            return mapping(changed, node.place, node.keys, node.tag)
        if node.is_list:
            items = [self.apply(child, (*path, str(n))) for n, child in enumerate(node.value)]
            return sequence(items, node.place, node.tag)
        if not isinstance(node.value, str):
            return node
        text = self._text(node, path) if "$" in node.value else node.value
        if any(_fits(path, pattern) for pattern in _BOOLEANS):
            return scalar(_boolean(text), node.place, node.tag)
        return node if text is node.value else scalar(text, node.place, node.tag)

    def _text(self, node: Node, path: tuple[str, ...]) -> str:
        interpolator = Interpolator(self._lookup)
        shown = path_text(path)
        try:
            text = interpolator.substitute(node.value)
        except InterpolationError as error:
            self._findings.lost_value(shown, node.place, str(error))
            return ""
        for name in interpolator.unset:
            self._findings.note(
                shown, node.place, f"the variable {name} is not set; it became an empty string"
            )
        self._findings.put_in(node.place, node.value, text)
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise SourceError(
                f"more than {MAX_CHARACTERS:,} characters, variables replaced", node.place
            )
        return text


def path_text(path: tuple[str, ...]) -> str:
    """Return `services.web.ports[0]` for the parts of a path; bare numbers are list positions."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() and text else f".{part}" if text else part
    return text


def _fits(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return len(path) == len(pattern) and all(
        wanted in ("*", part) for part, wanted in zip(path, pattern, strict=True)
    )


def _boolean(text: str) -> object:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def rebase(root: Node, folder: str) -> Node:
    """Return the tree with its relative paths, meant from `folder`, told from the project's folder.

    `folder` is normalised. Paths that lead out stay so and are refused where they are used.
    """
    if folder == ".":
        return root

    def move(node: Node) -> Node:
        if not isinstance(node.value, str) or not is_local(node.value):
            return node
        return scalar(join(folder, node.value), node.place, node.tag)

    def volume(node: Node) -> Node:
        if isinstance(node.value, str):
            source, colon, rest = node.value.partition(":")
            if not colon or not source.startswith("."):
                return node
            return scalar(f"{join(folder, source)}:{rest}", node.place, node.tag)
        kind = node.get("type")
        return _at(node, ("source",), move) if kind is not None and kind.value == "bind" else node

    changed = root
    for path in _PATHS:
        changed = _at(changed, path, move)
    changed = _at(changed, ("services", "*", "build"), lambda node: _text(node, move))
    changed = _at(changed, ("services", "*", "volumes", "*"), volume)
    for name in ("env_file", "label_file"):
        changed = _at(changed, ("services", "*", name), lambda node: _text(node, move))
        changed = _at(changed, ("services", "*", name, "*"), lambda node: _text(node, move))
    return changed


_PATHS = (
    ("services", "*", "build", "context"),
    ("services", "*", "build", "additional_contexts", "*"),
    ("services", "*", "env_file", "*", "path"),
    ("services", "*", "develop", "watch", "*", "path"),
    ("secrets", "*", "file"),
    ("configs", "*", "file"),
)


def is_local(path: str) -> bool:
    """Whether a path is relative: not absolute, not of the home folder, not remote."""
    return not (path.startswith(("/", "~", "git@")) or "://" in path)


def join(folder: str, path: str) -> str:
    """Return `path`, meant from `folder`, as one that begins with a dot; it may lead out."""
    joined = f"{folder}/{path}"
    try:
        return f"./{normalise(joined)}"
    except OutsideProjectError:
        return f"./{joined}"


def _text(node: Node, change: Callable[[Node], Node]) -> Node:
    return change(node) if isinstance(node.value, str) else node


def _at(node: Node, path: tuple[str, ...], change: Callable[[Node], Node]) -> Node:
    """Return the tree with every node at the path changed; `*` is each child."""
    if not path:
        return change(node)
    changed = dict(_children(node, path[0]))
    updates = {key: _at(child, path[1:], change) for key, child in changed.items()}
    if all(updates[key] is child for key, child in changed.items()):
        return node
    if node.is_list:
        items = [updates[str(n)] for n in range(len(node.value))]
        return sequence(items, node.place, node.tag)
    return mapping({**node.value, **updates}, node.place, node.keys, node.tag)


def _children(node: Node, part: str) -> Iterator[tuple[str, Node]]:
    if node.is_mapping:
        for key, child in node.value.items():
            if part in ("*", key):
                yield key, child
    elif node.is_list and part == "*":
        for number, child in enumerate(node.value):
            yield str(number), child
