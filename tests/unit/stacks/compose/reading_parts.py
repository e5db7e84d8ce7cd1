"""Reads compose text over a project that is a dict of file names to texts."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

import pytest

from commandcenter.stacks.compose.files import MissingFileError, PathKind, normalise
from commandcenter.stacks.compose.problems import ComposeProblem, ComposeRefusedError
from commandcenter.stacks.compose.read import ComposeRequest, ComposeStack, read_compose
from commandcenter.stacks.model import Service


class MemoryFiles:
    """Files held in memory; a path that climbs out is refused as on a disk."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def locate(self, path: str) -> str:
        return normalise(path)

    def kind(self, path: str) -> PathKind:
        name = normalise(path)
        if name in self._files:
            return PathKind.FILE
        if any(file.startswith(f"{name}/") for file in self._files):
            return PathKind.FOLDER
        return PathKind.MISSING

    def read(self, path: str) -> str:
        name = normalise(path)
        if name not in self._files:
            raise MissingFileError(f"there is no file {name}")
        return self._files[name]


def read(
    text: str,
    *others: str,
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    profiles: frozenset[str] | None = None,
) -> ComposeStack:
    """Read `text` as compose.yaml, put `others` over it in turn."""
    names = ("compose.yaml", *(f"over{number}.yaml" for number in range(len(others))))
    texts = dict(zip(names, (text, *others), strict=True)) | dict(files or {})
    request = ComposeRequest(names, "shop", environment or {}, profiles)
    return read_compose(MemoryFiles(texts), request)


class Options(TypedDict, total=False):
    files: Mapping[str, str]
    environment: Mapping[str, str]
    profiles: frozenset[str]


def service(attributes: str, extra: str = "", **options: Unpack[Options]) -> Service:
    """Read one service `web` with these lines and return it."""
    lines = "".join(f"    {line}\n" for line in attributes.strip("\n").split("\n"))
    image = "" if "image:" in attributes or "build:" in attributes else "    image: x\n"
    found = read(f"services:\n  web:\n{image}{lines}{extra}", **options).stack.service("web")
    assert found is not None
    return found


def refused(text: str, *others: str, **options: Unpack[Options]) -> tuple[ComposeProblem, ...]:
    """Return the problems of a definition that must be refused."""
    with pytest.raises(ComposeRefusedError) as caught:
        read(text, *others, **options)
    return caught.value.problems


def refused_service(attributes: str, extra: str = "") -> tuple[ComposeProblem, ...]:
    """Return the problems of a service `web` with these lines, the first of which is line 4."""
    lines = "".join(f"    {line}\n" for line in attributes.strip("\n").split("\n"))
    return refused(f"services:\n  web:\n    image: x\n{lines}{extra}")
