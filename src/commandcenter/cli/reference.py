"""docs/reference/cli.md, written from the commands themselves.

python -m commandcenter.cli.reference > docs/reference/cli.md
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import typer

from commandcenter.cli.exit_codes import MEANINGS
from commandcenter.cli.program import build

_INTRODUCTION = """# The command line

Written by `python -m commandcenter.cli.reference` from the commands themselves; a test holds it
to them.

Every command takes the options under "Everywhere", before or after its own words. With `--json`
stdout holds nothing but JSON: one document, or one per line where a command goes on (`events`,
`runs logs`); progress and errors go to stderr, errors as problem documents. Ids may be shortened
to a beginning that is unique; `latest` is the newest run or approval.

Where the hub is, a command finds out by itself on the hub's machine: the address and the token
are in the data directory. From elsewhere, give `--url` and `--token-file`.

A hub that holds the connection and does not answer is told of after 5 s. What only reads gives up
after 20 s with code 5, a change after 60 s: it may be done all the same.

Completion of the shell: `commandcenter --install-completion`, or `--show-completion` to see it.
"""
_EVERYWHERE = "Everywhere:"


def reference() -> str:
    """Return the page."""
    # Help is wrapped to the terminal; the page has a width of its own.
    os.environ["COLUMNS"] = "80"
    root = build()
    parts = [_INTRODUCTION, _everywhere(root), _exit_codes()]
    for entry in root.entries.values():
        if not entry.hidden:
            for words, command in _walk(f"commandcenter {entry.name}", root.load(entry.name)):
                parts.append(f"## `{words}`\n\n```text\n{_help(words, command)}\n```\n")
    return "\n".join(parts)


def _exit_codes() -> str:
    rows = "\n".join(f"| {code.value} | {words} |" for code, words in MEANINGS.items())
    return f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}\n"


def _walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(f"{words} {name}", child)


def _help(words: str, command: Any) -> str:
    context = typer.Context(command, info_name=words, max_content_width=80, terminal_width=80)
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    if _EVERYWHERE in lines:
        # The same everywhere: shown once, in the introduction.
        first = lines.index(_EVERYWHERE)
        after = next((n for n in range(first, len(lines)) if not lines[n]), len(lines) - 1)
        del lines[first - 1 : after]
    return "\n".join(lines).strip()


def _everywhere(root: Any) -> str:
    context = typer.Context(root, info_name="commandcenter", max_content_width=80)
    lines = [line.rstrip() for line in root.get_help(context).splitlines()]
    first = lines.index(_EVERYWHERE)
    block = "\n".join(lines[first : lines.index("", first)])
    return f"```text\n{block}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
