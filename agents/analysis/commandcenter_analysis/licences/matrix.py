"""Whether a part under one licence may be used in a project under another.

This is the common reading of the licences for code that is shipped or served as one work. It is
no legal advice, and the messages say what the concern is, so that a person can judge.
"""

from dataclasses import dataclass
from enum import IntEnum

from commandcenter_analysis.licences.categories import Kind, kind_of
from commandcenter_analysis.licences.expressions import choices


class Fit(IntEnum):
    """From harmless to excluded."""

    FINE = 0
    CONDITIONS = 1
    UNKNOWN = 2
    CONFLICT = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    fit: Fit
    why: str = ""


_FINE = Judgement(Fit.FINE)
_COPYLEFT = frozenset({Kind.STRONG_COPYLEFT, Kind.NETWORK_COPYLEFT})
# Weak copyleft licences that the GPL family cannot be combined with.
_NOT_WITH_GPL = frozenset(
    [
        "CDDL-1.0",
        "CDDL-1.1",
        "EPL-1.0",
        "EPL-2.0",
        "CPL-1.0",
        "IPL-1.0",
        "MPL-1.0",
        "MPL-1.1",
        "MS-RL",
        "MS-PL",
        "MPL-2.0-no-copyleft-exception",
        "BSD-4-Clause",
        "OpenSSL",
        "PHP-3.0",
        "PHP-3.01",
        "Apache-1.0",
        "Apache-1.1",
    ]
)


def judge(project: str, part: str) -> Judgement:
    """The best reading over the choices both expressions leave."""
    best: Judgement | None = None
    for outbound in choices(project):
        for inbound in choices(part):
            worst = max(
                (_pair(own, other) for own in outbound.licences for other in inbound.licences),
                key=lambda judgement: judgement.fit,
                default=_FINE,
            )
            if best is None or worst.fit < best.fit:
                best = worst
    return best or _FINE


def _pair(own: str, other: str) -> Judgement:  # noqa: PLR0911  # one return per case reads best
    own_kind, other_kind = kind_of(own), kind_of(other)
    if other_kind is Kind.PUBLIC_DOMAIN or own == other:
        return _FINE
    if other_kind is Kind.UNKNOWN:
        return Judgement(Fit.UNKNOWN, f"What {other} allows is not known here.")
    if other_kind is Kind.PROPRIETARY:
        return Judgement(
            Fit.UNKNOWN if own_kind is Kind.PROPRIETARY else Fit.CONFLICT,
            "It is not licensed for others to use.",
        )
    if other_kind is Kind.RESTRICTED:
        return Judgement(
            Fit.CONFLICT, f"{other} restricts what the software may be used for, or how."
        )
    if own_kind is Kind.UNKNOWN:
        return _into_unknown(other, other_kind)
    if own_kind in _COPYLEFT:
        return _into_copyleft(own, own_kind, other, other_kind)
    if other_kind in _COPYLEFT:
        served = (
            " and whoever serves it over a network must offer its source"
            if (other_kind is Kind.NETWORK_COPYLEFT)
            else ""
        )
        return Judgement(
            Fit.CONFLICT,
            f"{other} asks that the whole work it becomes part of be under the same licence"
            f"{served}; this project is under {own}.",
        )
    if other_kind is Kind.WEAK_COPYLEFT:
        return Judgement(
            Fit.CONDITIONS,
            f"{other} asks that changes to this part stay under {other} and that it can be "
            "replaced or its source had.",
        )
    return _FINE


def _into_unknown(other: str, other_kind: Kind) -> Judgement:
    if other_kind in _COPYLEFT:
        return Judgement(
            Fit.UNKNOWN,
            f"{other} asks that the whole work it becomes part of be under the same licence; "
            "under which this project is cannot be told.",
        )
    return _FINE


def _into_copyleft(  # noqa: PLR0911  # one return per case reads best
    own: str, own_kind: Kind, other: str, other_kind: Kind
) -> Judgement:
    if other in _NOT_WITH_GPL:
        return Judgement(Fit.CONFLICT, f"{other} has conditions that {own} does not allow.")
    version, later = _gpl_version(own)
    if other == "Apache-2.0" and version == 2 and not later:  # noqa: PLR2004  # GPL version 2
        return Judgement(
            Fit.CONFLICT, "Apache-2.0 has patent conditions that GPL version 2 does not allow."
        )
    if other_kind not in _COPYLEFT and not other.startswith("LGPL"):
        return _FINE
    other_version, other_later = _gpl_version(other)
    if version is None or other_version is None:
        return Judgement(Fit.CONFLICT, f"{other} and {own} each ask for the whole work.")
    if other_kind is Kind.NETWORK_COPYLEFT and own_kind is not Kind.NETWORK_COPYLEFT:
        if version == 3 or later:  # noqa: PLR2004  # GPL version 3
            return Judgement(
                Fit.CONDITIONS, f"{other} then holds for the whole when it is served to users."
            )
        return Judgement(Fit.CONFLICT, f"{other} cannot be combined with {own}.")
    fits = (
        other_version == version
        or (other_version < version and (other_later or other.startswith("LGPL-2.1")))
        or (other_version > version and later)
    )
    if fits or (other.startswith("LGPL") and other_version <= version):
        return _FINE
    return Judgement(Fit.CONFLICT, f"{other} and {own} are versions that cannot be combined.")


def _gpl_version(identifier: str) -> tuple[int | None, bool]:
    base = identifier.partition(" WITH ")[0]
    for family in ("AGPL-", "LGPL-", "GPL-"):
        if base.startswith(family):
            digits = base.removeprefix(family).partition(".")[0]
            return (int(digits) if digits.isdigit() else None), base.endswith("-or-later")
    return None, False
