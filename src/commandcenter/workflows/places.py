"""Where something stands in a definition's text, to give problems found later their line."""

from collections.abc import Sequence
from functools import cached_property

from commandcenter.engine.source import Node, SourceError
from commandcenter.engine.source_json import read_json
from commandcenter.engine.source_yaml import read_yaml


class Places:
    """Looks up lines and columns in a text that parsed before; (0, 0) where there is no place."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _root(self) -> Node | None:
        return _read(self._text)  # only once something is wrong: long texts take a while

    def of(self, path: Sequence[str]) -> tuple[int, int]:
        """Return the place of the value at `path`, or of the nearest thing around it."""
        node, found = self._root, (0, 0)
        for part in path:
            if node is None or not isinstance(node.value, dict):
                break
            node = node.value.get(part)
            if node is not None:
                found = (node.line, node.column)
        return found

    def of_key(self, path: Sequence[str], key: str) -> tuple[int, int]:
        """Return the place of a key in the mapping at `path`."""
        node = self._root
        for part in path:
            node = node.value.get(part) if node and isinstance(node.value, dict) else None
        place = (node.keys or {}).get(key) if node else None
        return (place.line, place.column) if place else self.of(path)


def _read(text: str) -> Node | None:
    readers = (read_json, read_yaml) if text.lstrip()[:1] == "{" else (read_yaml,)
    for reader in readers:
        try:
            return reader(text)
        except SourceError:
            continue
    return None
