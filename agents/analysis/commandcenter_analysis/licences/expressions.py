"""Reading licence expressions and the loose names that manifests use instead."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LOOSE = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "the apache license, version 2.0": "Apache-2.0",
    "the apache software license, version 2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "the mit license (mit)": "MIT",
    "mit licence": "MIT",
    "expat": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "zpl 2.1": "ZPL-2.1",
    "gpl": "GPL-2.0-or-later",
    "gnu gpl": "GPL-2.0-or-later",
    "gplv2": "GPL-2.0-only",
    "gpl v2": "GPL-2.0-only",
    "gpl-2": "GPL-2.0-only",
    "gpl2": "GPL-2.0-only",
    "gplv2+": "GPL-2.0-or-later",
    "gpl-2+": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-only",
    "gpl v3": "GPL-3.0-only",
    "gpl-3": "GPL-3.0-only",
    "gpl3": "GPL-3.0-only",
    "gplv3+": "GPL-3.0-or-later",
    "gpl-3+": "GPL-3.0-or-later",
    "gnu general public license": "GPL-2.0-or-later",
    "gnu general public license (gpl)": "GPL-2.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3": "GPL-3.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu gplv3": "GPL-3.0-only",
    "lgpl": "LGPL-2.1-or-later",
    "lgplv2+": "LGPL-2.1-or-later",
    "lgplv3": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "gnu lesser general public license": "LGPL-2.1-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL-2.1-or-later",
    "agpl": "AGPL-3.0-only",
    "agplv3": "AGPL-3.0-only",
    "agplv3+": "AGPL-3.0-or-later",
    "agpl-3.0": "AGPL-3.0-only",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-2.0+": "GPL-2.0-or-later",
    "gpl-3.0": "GPL-3.0-only",
    "gpl-3.0+": "GPL-3.0-or-later",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3.0+": "LGPL-3.0-or-later",
    "agpl-3.0+": "AGPL-3.0-or-later",
    "mpl 2.0": "MPL-2.0",
    "mpl2": "MPL-2.0",
    "mozilla public license 2.0": "MPL-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "eclipse public license 1.0": "EPL-1.0",
    "eclipse public license 2.0": "EPL-2.0",
    "eclipse public license v2.0": "EPL-2.0",
    "the unlicense": "Unlicense",
    "the unlicense (unlicense)": "Unlicense",
    "public domain": "CC-PDDC",
    "cc0": "CC0-1.0",
    "boost software license 1.0 (bsl-1.0)": "BSL-1.0",
    "zlib/libpng license": "Zlib",
}
_MOST_CHARACTERS = 400
_OUTER = re.compile(r"^(license|licence)\s*::\s*(osi approved\s*::\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to satisfy an expression: all of these licences hold together."""

    licences: tuple[str, ...]


@lru_cache(maxsize=8192)
def normalise(name: str) -> str:
    """The SPDX expression for what a manifest says, as near as it can be told; may be unknown."""
    text = _OUTER.sub("", " ".join(name.split())).strip(" '\"")[:_MOST_CHARACTERS]
    known = _LOOSE.get(text.lower().removesuffix(" license").strip(), _LOOSE.get(text.lower()))
    if known:
        return known
    # npm's old way of saying OR, and slashes in Rust manifests.
    return re.sub(r"(?<=[\w.+-])\s*/\s*(?=[A-Za-z])", " OR ", text)


@lru_cache(maxsize=8192)
def choices(expression: str) -> tuple[Choice, ...]:
    """The ways to satisfy the expression; what cannot be read is one unknown licence."""
    # Imported here, as most scans meet single identifiers only.
    from license_expression import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ExpressionError,
        ExpressionParseError,
    )

    text = normalise(expression)
    if re.fullmatch(r"[A-Za-z0-9.+-]+", text):
        return (Choice((_single(text),)),)
    try:
        parsed = _licensing().parse(text, simple=True)
    except (ExpressionError, ExpressionParseError, ValueError, RecursionError):
        return (Choice((text,)),)
    if parsed is None:
        return (Choice((text,)),)
    return tuple(_expand(parsed))


@lru_cache(maxsize=1)
def _licensing() -> Any:
    from license_expression import Licensing  # noqa: PLC0415

    return Licensing()


def _single(identifier: str) -> str:
    known = _LOOSE.get(identifier.lower())
    if known:
        return known
    return f"{identifier[:-1]}-or-later" if identifier.endswith("+") else identifier


def _expand(node: Any) -> list[Choice]:
    name = type(node).__name__
    if name == "OR":
        return [choice for argument in node.args for choice in _expand(argument)][:64]
    if name == "AND":
        combined = [Choice(())]
        for argument in node.args:
            combined = [
                Choice((*left.licences, *right.licences))
                for left in combined
                for right in _expand(argument)
            ][:64]
        return combined
    if name == "LicenseWithExceptionSymbol":
        return [Choice((f"{_single(node.license_symbol.key)} WITH {node.exception_symbol.key}",))]
    return [Choice((_single(str(node.key)),))]
