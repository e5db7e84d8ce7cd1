"""What a Dockerfile is built on, as far as that can be read without building it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][\w-]*)\s*=\s*(\S+)\s*")
_CONTINUED = re.compile(r"\\[ \t]*\n(?:[ \t]*(?:#[^\n]*)?\n)*")
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(\w+)(?:=(\S*))?", re.IGNORECASE)
_OTHER = re.compile(r"(?:COPY|ADD|RUN)\s.*?(?:--from=|--mount=\S*\bfrom=)([^\s,]+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")
_NO_IMAGE = "scratch"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    images: tuple[str, ...]  # of its stages and what it copies from, each once
    syntax: str | None  # the image of another front end, named in its first lines
    without_syntax: str  # the text, to be built by the engine's own front end


def read_dockerfile(text: str, args: Mapping[str, str]) -> Dockerfile:
    """`args` are the build's. An image that cannot be made out is left out."""
    syntax, rest = _syntax(text)
    values: dict[str, str] = {}
    stages: set[str] = set()
    images: dict[str, None] = {}
    for raw in _CONTINUED.sub(" ", text).splitlines():
        line = raw.strip()
        if (found := _FROM.fullmatch(line)) is not None:
            _note(_filled(found[1], values), stages, images)
            stages.add((found[2] or "").lower())
        elif not stages and (found := _ARG.match(line)) is not None:
            values[found[1]] = args.get(found[1], (found[2] or "").strip("\"'"))
        elif (found := _OTHER.match(line)) is not None:
            _note(found[1], stages, images)
    return Dockerfile(tuple(images), syntax, rest)


def _note(name: str, stages: set[str], images: dict[str, None]) -> None:
    is_stage = name.lower() in stages or name.isdigit()
    if name and not is_stage and name != _NO_IMAGE and "$" not in name:
        images[name] = None


def _filled(name: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2]) or found[3] or "", name)


def _syntax(text: str) -> tuple[str | None, str]:
    """Directives are the first lines only, each a comment of one kind."""
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            break
        if found[1].lower() == "syntax":
            return found[2], "".join(lines[:index] + lines[index + 1 :])
    return None, text
