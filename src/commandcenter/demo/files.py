"""The demo repository's files, from the templates beside this module.

They end in `.tmpl`, so that no tool takes their planted problems for this project's own.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

_SUFFIX = ".tmpl"


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: the files it adds or replaces, by path; `at` in seconds since 1970, UTC."""

    message: str
    at: int
    files: dict[str, str]


_STEPS = (
    ("1-start", "Start the shop", 1_767_261_600),
    ("2-accounts", "Add customers and product pictures", 1_767_348_000),
    ("3-window", "Add the shop window", 1_767_434_400),
    ("4-prices", "Add prices, invoices and the web server", 1_767_520_800),
)


def history() -> list[Step]:
    """The commits, oldest first."""
    return [Step(message, at, _folder("history", name)) for name, message, at in _STEPS]


def fixed_files() -> dict[str, str]:
    """The files of the newest commit that the patch changes, as it leaves them."""
    return _folder("fixed")


def fake_access_key_id() -> str:
    """What looks like a cloud provider's key and is none: made here, so that none is written."""
    digest = hashlib.sha256(b"the demo shop's key, which opens nothing").digest()
    return "AK" + "IA" + base64.b32encode(digest).decode()[:16]


def _folder(*names: str) -> dict[str, str]:
    folder = files("commandcenter.demo").joinpath("shop", *names)
    return {
        path.removesuffix(_SUFFIX): text.replace("@@ACCESS_KEY_ID@@", fake_access_key_id())
        for path, text in _texts(folder, "")
    }


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _texts(entry, f"{path}/")
        elif entry.name.endswith(_SUFFIX):
            yield path, entry.read_text(encoding="utf-8")
