"""The headers looked for, and what a reader of configuration reports."""

from dataclasses import dataclass, field
from enum import StrEnum

from commandcenter_analysis.findings import Severity


class Header(StrEnum):
    """The header's own name, in lower case."""

    CSP = "content-security-policy"
    HSTS = "strict-transport-security"
    NOSNIFF = "x-content-type-options"
    FRAMES = "x-frame-options"
    REFERRER = "referrer-policy"
    PERMISSIONS = "permissions-policy"


@dataclass(frozen=True, slots=True)
class About:
    """What a header is for: its usual spelling, a good value, and what its absence means."""

    name: str
    value: str
    severity: Severity
    why: str


ABOUT: dict[Header, About] = {
    Header.CSP: About(
        "Content-Security-Policy",
        "default-src 'self'",
        Severity.WARNING,
        "An injected script runs in the visitor's browser unhindered.",
    ),
    Header.HSTS: About(
        "Strict-Transport-Security",
        "max-age=31536000; includeSubDomains",
        Severity.WARNING,
        "A first visit over plain HTTP can be intercepted.",
    ),
    Header.NOSNIFF: About(
        "X-Content-Type-Options",
        "nosniff",
        Severity.WARNING,
        "Browsers may run an uploaded file as a script.",
    ),
    Header.FRAMES: About(
        "X-Frame-Options",
        "DENY",
        Severity.WARNING,
        "Other sites can show the pages in a frame and trick visitors into clicking.",
    ),
    Header.REFERRER: About(
        "Referrer-Policy",
        "strict-origin-when-cross-origin",
        Severity.INFO,
        "Addresses of pages, with what they contain, are told to other sites.",
    ),
    Header.PERMISSIONS: About(
        "Permissions-Policy",
        "camera=(), microphone=(), geolocation=()",
        Severity.INFO,
        "Embedded content may ask for camera, microphone and place.",
    ),
}
ALL_HEADERS = frozenset(Header)


@dataclass(frozen=True, slots=True)
class Site:
    """A server or application at a place in a file, with the headers it is seen to set.

    `expected` are those that make sense there: HSTS says nothing over plain HTTP. `unsure` is set
    when part of the configuration is elsewhere, such as an included file that is not at hand.
    """

    kind: str
    file: str
    line: int
    present: frozenset[Header]
    expected: frozenset[Header] = ALL_HEADERS
    how: str = ""
    unsure: bool = False
    is_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """A place where headers set further out are lost."""

    kind: str
    file: str
    line: int
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one file says about headers."""

    file: str
    sites: tuple[Site, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    mentions: frozenset[Header] = field(default_factory=frozenset)


def header_of(name: str) -> Header | None:
    """The header by its name in any case, quoted or not."""
    try:
        return Header(name.strip("\"'` ").lower())
    except ValueError:
        return None


def with_frame_ancestors(present: set[Header], value: str) -> None:
    """A policy with frame-ancestors does what X-Frame-Options does."""
    if "frame-ancestors" in value:
        present.add(Header.FRAMES)
