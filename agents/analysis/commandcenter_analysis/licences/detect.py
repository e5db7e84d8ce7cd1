"""What single files say about licences: the pieces that `check` puts together.

The order is from sure to likely: an SPDX tag, a manifest's field, the opening comment, the text.
"""

from dataclasses import dataclass
from enum import StrEnum

from commandcenter_analysis.classify import language_of
from commandcenter_analysis.licences.manifests import (
    Manifest,
    ManifestError,
    is_manifest,
    read_manifest,
)
from commandcenter_analysis.licences.texts import licence_of_notice, licence_of_text, spdx_tag
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.reading import NotReadError, read_file
from commandcenter_analysis.skips import Skip, SkipReason

_HEAD = 6_000
_TEXT_NAMES = ("license", "licence", "copying", "unlicense", "notice.gpl")
_TEXT_SUFFIXES = ("", ".txt", ".md", ".rst", ".html")
_HEADED = frozenset({"html", "css", "sql", "scss", "xml"})


class Source(StrEnum):
    TAG = "an SPDX tag"
    MANIFEST = "the manifest"
    NOTICE = "the opening comment"
    TEXT = "the licence text"


@dataclass(frozen=True, slots=True)
class Detected:
    """What one file says; `expression` is empty for a licence file nobody recognises."""

    file: str
    line: int
    expression: str
    source: Source
    manifest: Manifest | None = None


def is_licence_text(name: str) -> bool:
    """Whether a file is a licence's text by its name: LICENSE, COPYING.LESSER, LICENSE-MIT.txt."""
    lowered = name.lower()
    if not lowered.startswith(_TEXT_NAMES):
        return False
    suffix = lowered[lowered.rfind(".") :] if "." in lowered else ""
    return not language_of(name) and (
        suffix in _TEXT_SUFFIXES
        or suffix in {".lesser", ".mit", ".apache", ".bsd", ".gpl", ".lgpl"}
    )


def tells_a_licence(name: str) -> bool:
    """Whether the file is worth reading even in a vendored directory."""
    return is_licence_text(name) or is_manifest(name)


def detect(root: int, path: str, limits: Limits) -> Detected | Skip | None:
    """Read one file below the open directory `root`; None when it says nothing of licences."""
    name = path.rpartition("/")[2]
    wanted = is_licence_text(name) or is_manifest(name)
    suffix = name.rpartition(".")[2].lower()
    if not wanted and not language_of(path) and suffix not in _HEADED:
        return None
    try:
        data = read_file(root, path, most=limits.file_bytes)
    except NotReadError as error:
        return Skip(path, error.reason, error.detail)
    if is_manifest(name):
        return _from_manifest(path, name, data.decode("utf-8-sig", errors="replace"))
    text = data[: 60_000 if wanted else _HEAD].decode(errors="replace")
    tag = spdx_tag(text[:_HEAD])
    if tag is not None:
        line = text.count("\n", 0, text.find("SPDX-License-Identifier")) + 1
        return Detected(path, line, tag, Source.TAG)
    if is_licence_text(name):
        return Detected(path, 1, licence_of_text(text) or "", Source.TEXT)
    notice = licence_of_notice(text)
    return Detected(path, 1, notice, Source.NOTICE) if notice else None


def _from_manifest(path: str, name: str, text: str) -> Detected | Skip:
    try:
        manifest = read_manifest(name, text)
    except ManifestError as error:
        return Skip(path, SkipReason.SYNTAX, str(error))
    return Detected(path, manifest.line, manifest.licence.strip(), Source.MANIFEST, manifest)
