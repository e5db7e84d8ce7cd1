"""What kind of licence an SPDX identifier names."""

from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """Ordered loosely by what a licence asks of those who build on it."""

    PUBLIC_DOMAIN = "public domain"
    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak copyleft"
    STRONG_COPYLEFT = "strong copyleft"
    NETWORK_COPYLEFT = "network copyleft"
    RESTRICTED = "restricted use"
    PROPRIETARY = "proprietary"
    UNKNOWN = "unknown"


_PUBLIC_DOMAIN = frozenset(
    ["0BSD", "BlueOak-1.0.0-PD", "CC0-1.0", "CC-PDDC", "MIT-0", "PDDL-1.0", "Unlicense", "WTFPL"]
)
_PERMISSIVE = frozenset(
    [
        "AFL-2.1",
        "AFL-3.0",
        "Apache-1.0",
        "Apache-1.1",
        "Apache-2.0",
        "Artistic-2.0",
        "BlueOak-1.0.0",
        "BSD-1-Clause",
        "BSD-2-Clause",
        "BSD-2-Clause-Patent",
        "BSD-2-Clause-Views",
        "BSD-3-Clause",
        "BSD-3-Clause-Clear",
        "BSD-3-Clause-LBNL",
        "BSD-4-Clause",
        "BSD-4-Clause-UC",
        "BSL-1.0",
        "bzip2-1.0.6",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CNRI-Python",
        "curl",
        "ECL-2.0",
        "FTL",
        "HPND",
        "ICU",
        "IJG",
        "ImageMagick",
        "ISC",
        "Libpng",
        "libpng-2.0",
        "libtiff",
        "MIT",
        "MIT-CMU",
        "MIT-feh",
        "MITNFA",
        "MS-PL",
        "MulanPSL-2.0",
        "NCSA",
        "NTP",
        "OFL-1.1",
        "OLDAP-2.8",
        "OpenSSL",
        "PHP-3.0",
        "PHP-3.01",
        "PostgreSQL",
        "PSF-2.0",
        "Python-2.0",
        "Python-2.0.1",
        "Ruby",
        "SSH-OpenSSH",
        "Unicode-3.0",
        "Unicode-DFS-2016",
        "UPL-1.0",
        "Vim",
        "W3C",
        "X11",
        "Xnet",
        "Zlib",
        "zlib-acknowledgement",
        "ZPL-2.0",
        "ZPL-2.1",
    ]
)
_WEAK = frozenset(
    [
        "Artistic-1.0",
        "Artistic-1.0-Perl",
        "APSL-2.0",
        "CDDL-1.0",
        "CDDL-1.1",
        "CECILL-C",
        "CPL-1.0",
        "EPL-1.0",
        "EPL-2.0",
        "EUPL-1.1",
        "EUPL-1.2",
        "IPL-1.0",
        "LGPL-2.0-only",
        "LGPL-2.0-or-later",
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MPL-1.0",
        "MPL-1.1",
        "MPL-2.0",
        "MPL-2.0-no-copyleft-exception",
        "MS-RL",
    ]
)
_STRONG = frozenset(
    [
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
        "CECILL-2.0",
        "CECILL-2.1",
        "GPL-1.0-only",
        "GPL-1.0-or-later",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "OSL-2.1",
        "OSL-3.0",
        "QPL-1.0",
        "Sleepycat",
    ]
)
_NETWORK = frozenset(
    [
        "AGPL-1.0-only",
        "AGPL-1.0-or-later",
        "AGPL-3.0-only",
        "AGPL-3.0-or-later",
        "CPAL-1.0",
        "RPL-1.5",
    ]
)
_RESTRICTED = frozenset(
    [
        "BUSL-1.1",
        "Elastic-2.0",
        "FSL-1.1-MIT",
        "FSL-1.1-ALv2",
        "JSON",
        "PolyForm-Noncommercial-1.0.0",
        "PolyForm-Small-Business-1.0.0",
        "SSPL-1.0",
        "Hippocratic-2.1",
    ]
)
_FIXED = {
    Kind.PUBLIC_DOMAIN: _PUBLIC_DOMAIN,
    Kind.PERMISSIVE: _PERMISSIVE,
    Kind.WEAK_COPYLEFT: _WEAK,
    Kind.STRONG_COPYLEFT: _STRONG,
    Kind.NETWORK_COPYLEFT: _NETWORK,
    Kind.RESTRICTED: _RESTRICTED,
}
_PROPRIETARY_WORDS = ("proprietary", "unlicensed", "commercial", "all-rights-reserved", "private")
# With these, linking does not bring the copyleft along.
LINKING_EXCEPTIONS = frozenset(
    [
        "Classpath-exception-2.0",
        "GCC-exception-3.1",
        "GCC-exception-2.0",
        "Bison-exception-2.2",
        "Autoconf-exception-3.0",
        "Font-exception-2.0",
        "LLVM-exception",
        "OpenJDK-assembly-exception-1.0",
        "Universal-FOSS-exception-1.0",
        "Qt-GPL-exception-1.0",
        "Linux-syscall-note",
        "Libtool-exception",
        "u-boot-exception-2.0",
        "WxWindows-exception-3.1",
        "GPL-3.0-linking-exception",
    ]
)


@lru_cache(maxsize=4096)
def kind_of(identifier: str) -> Kind:
    """The kind of one licence, `X WITH Y` included; UNKNOWN for what is not in the tables."""
    base, _, exception = identifier.partition(" WITH ")
    for kind, identifiers in _FIXED.items():
        if base in identifiers:
            strong = kind in {Kind.STRONG_COPYLEFT, Kind.NETWORK_COPYLEFT}
            return Kind.WEAK_COPYLEFT if strong and exception in LINKING_EXCEPTIONS else kind
    if base.startswith(("CC-BY-NC", "CC-BY-ND")):
        return Kind.RESTRICTED
    if any(word in base.lower().replace(" ", "-") for word in _PROPRIETARY_WORDS):
        return Kind.PROPRIETARY
    return Kind.UNKNOWN
