"""Recognising a licence's text by short marks of it, in our own description of each licence."""

import re
from dataclasses import dataclass

_READ = 60_000
_TITLE = 700


@dataclass(frozen=True, slots=True)
class _Marks:
    """A text is this licence when it has every `marks` and none of `absent`.

    `title` marks must stand near the start, as long texts also mention their relatives.
    """

    licence: str
    marks: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    title: tuple[str, ...] = ()


_LICENCES = (
    _Marks("AGPL-3.0-only", title=("gnu affero general public license", "version 3")),
    _Marks("LGPL-3.0-only", title=("gnu lesser general public license", "version 3")),
    _Marks("LGPL-2.1-only", title=("gnu lesser general public license", "version 2 1")),
    _Marks("LGPL-2.0-only", title=("gnu library general public license", "version 2")),
    _Marks(
        "GPL-3.0-only",
        title=("gnu general public license", "version 3"),
        absent=("gnu lesser general public license version 3 29",),
    ),
    _Marks("GPL-2.0-only", title=("gnu general public license", "version 2")),
    _Marks("GPL-1.0-only", title=("gnu general public license", "version 1")),
    _Marks("Apache-2.0", title=("apache license", "version 2 0")),
    _Marks("MPL-2.0", title=("mozilla public license", "version 2 0")),
    _Marks("MPL-1.1", title=("mozilla public license", "version 1 1")),
    _Marks("EPL-2.0", title=("eclipse public license", "v 2 0")),
    _Marks("EPL-1.0", title=("eclipse public license", "v 1 0")),
    _Marks("EUPL-1.2", title=("european union public", "1 2")),
    _Marks("CDDL-1.1", title=("common development and distribution license", "version 1 1")),
    _Marks("CDDL-1.0", title=("common development and distribution license", "version 1 0")),
    _Marks("BUSL-1.1", marks=("business source license 1 1",)),
    _Marks("SSPL-1.0", title=("server side public license", "version 1")),
    _Marks("Elastic-2.0", title=("elastic license", "2 0")),
    _Marks("FSL-1.1-MIT", title=("functional source license version 1 1 mit",)),
    _Marks("FSL-1.1-ALv2", title=("functional source license version 1 1",)),
    _Marks("PolyForm-Noncommercial-1.0.0", title=("polyform noncommercial license 1 0 0",)),
    _Marks("CC-BY-NC-4.0", title=("noncommercial 4 0 international",), absent=("sharealike 4 0",)),
    _Marks("CC-BY-NC-SA-4.0", title=("noncommercial sharealike 4 0 international",)),
    _Marks("CC-BY-SA-4.0", title=("attribution sharealike 4 0 international",)),
    _Marks("CC-BY-ND-4.0", title=("attribution noderivatives 4 0 international",)),
    _Marks("CC-BY-4.0", title=("attribution 4 0 international",)),
    _Marks("CC0-1.0", title=("cc0 1 0 universal",)),
    _Marks("BSL-1.0", marks=("boost software license", "version 1 0")),
    _Marks("Unlicense", marks=("free and unencumbered software released into the public domain",)),
    _Marks("WTFPL", marks=("do what the fuck you want to",)),
    _Marks("Artistic-2.0", title=("the artistic license 2 0",)),
    _Marks("PSF-2.0", marks=("python software foundation license version 2",)),
    _Marks("OFL-1.1", marks=("sil open font license", "version 1 1")),
    _Marks("PostgreSQL", marks=("postgresql", "without a written agreement is hereby granted")),
    _Marks("JSON", marks=("shall be used for good not evil",)),
    _Marks("Zlib", marks=("the origin of this software must not be misrepresented",)),
    _Marks(
        "MIT-0",
        marks=("permission is hereby granted free of charge", "without restriction"),
        absent=("shall be included in all copies",),
    ),
    _Marks(
        "X11",
        marks=(
            "permission is hereby granted free of charge",
            "shall be included in all copies",
            "except as contained in this notice the name",
        ),
    ),
    _Marks(
        "MIT",
        marks=("permission is hereby granted free of charge", "shall be included in all copies"),
    ),
    _Marks(
        "ISC",
        marks=("permission to use copy modify and or distribute this software for any",),
        absent=("permission notice appear in all supporting",),
    ),
    _Marks(
        "ISC",
        marks=("permission to use copy modify and distribute this software for any",),
    ),
    _Marks(
        "BSD-4-Clause",
        marks=(
            "redistributions of source code must retain",
            "all advertising materials mentioning features",
        ),
    ),
    _Marks(
        "BSD-3-Clause",
        marks=("redistributions of source code must retain", "endorse or promote products"),
    ),
    _Marks(
        "BSD-2-Clause",
        marks=(
            "redistributions of source code must retain",
            "redistributions in binary form must reproduce",
        ),
    ),
    _Marks("BSD-1-Clause", marks=("redistributions of source code must retain",)),
    _Marks("Proprietary", marks=("all rights reserved", "proprietary")),
    _Marks("Proprietary", marks=("all rights reserved", "confidential")),
)
_NOTICE = re.compile(
    r"(?:terms of|under) the gnu (affero |lesser |library )?general public license"
    r"(?: as published by the free software foundation)?"
)
_VERSION = re.compile(r"version (\d)(?: (\d))?")
_SPDX_TAG = re.compile(r"SPDX-License-Identifier:\s{0,5}([A-Za-z0-9.+\-() \t]{2,200})")


def plain(text: str) -> str:
    """Lower-case words with single spaces between them; comment marks and punctuation are gone."""
    return " ".join(re.findall(r"[a-z0-9]+", text[:_READ].lower()))


def licence_of_text(text: str) -> str | None:
    """The licence whose text (or most of it) this is, or None."""
    words = plain(text)
    head = words[:_TITLE]
    for known in _LICENCES:
        if (
            all(mark in head for mark in known.title)
            and all(mark in words for mark in known.marks)
            and not any(mark in words for mark in known.absent)
        ):
            return known.licence
    return None


def spdx_tag(text: str) -> str | None:
    """The expression of the first SPDX tag in a file's head, or None."""
    match = _SPDX_TAG.search(text)
    if match is None:
        return None
    # A tag in a comment that closes on the same line brings the mark with it.
    return match.group(1).split("*/")[0].split("-->")[0].strip() or None


def licence_of_notice(head: str) -> str | None:
    """The licence a file's opening comment puts it under, or None."""
    lowered = head.lower()
    if "licen" not in lowered:
        return None
    words = plain(head)
    if "licensed under the apache license version 2 0" in words:
        return "Apache-2.0"
    if "subject to the terms of the mozilla public license v 2 0" in words:
        return "MPL-2.0"
    if "licensed under the mit license" in words or "released under the mit license" in words:
        return "MIT"
    return _gnu_notice(words)


def _gnu_notice(words: str) -> str | None:
    match = _NOTICE.search(words)
    # "not under the terms of" and prose about the licence lack the grant itself.
    if match is None or "free software" not in words[: match.end()]:
        return None
    prefix = {"affero ": "AGPL-", "lesser ": "LGPL-", "library ": "LGPL-"}.get(
        match.group(1) or "", "GPL-"
    )
    rest = words[match.end() : match.end() + 300]
    version = _VERSION.search(rest)
    if version is None:
        return None
    number = f"{version.group(1)}.{version.group(2) or '0'}"
    later = "any later version" in rest
    return f"{prefix}{number}-{'or-later' if later else 'only'}"
