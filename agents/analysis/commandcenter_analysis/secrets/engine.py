"""The secret scanner: one pass for keywords, then only the rules whose keyword occurs.

It works on bytes, as RE2 does, and on lines: the text around a keyword, at most `_REACH` bytes
each way, so that a line of megabytes costs no more than many short ones.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ahocorasick
import re2

from commandcenter_analysis.classify import is_test_path
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.secrets import generic
from commandcenter_analysis.secrets.masking import Masker
from commandcenter_analysis.secrets.placeholders import entropy, is_placeholder
from commandcenter_analysis.secrets.rules import (
    PRIVATE_KEY_RULE,
    PROVIDER_RULES,
    URL_PASSWORD_RULE,
    SecretRule,
)

TOOL = "commandcenter-secrets"
_GENERIC = "generic-secret"
_REACH = 2_500
_KEY_BODY = 6_000
_MOSTLY = 0.9
_HITS_PER_RULE = 5
_TEMPLATE_NAMES = (".example", ".sample", ".template", ".dist")
_ROTATE = (
    "Revoke it at its issuer first, as it stays in the git history, then read it from the "
    "environment or a secret store."
)


@dataclass(frozen=True, slots=True)
class _Hit:
    rule: SecretRule
    start: int
    end: int
    secret: bytes
    confidence: Confidence
    name: str = ""


class SecretScanner:
    """Finds secrets in one file's bytes; build it once, its automaton takes a moment."""

    def __init__(self, *, findings_per_file: int = 200) -> None:
        self._most = findings_per_file
        self._masker = Masker()
        self._rules = (*PROVIDER_RULES, PRIVATE_KEY_RULE, URL_PASSWORD_RULE)
        # Compiled when a keyword first occurs: most rules never come to that.
        self._compiled: dict[str, Any] = {}
        self._generic_rule = SecretRule(_GENERIC, "secret value", (), "", severity=Severity.WARNING)
        self._automaton = ahocorasick.Automaton()
        owners: dict[str, set[int]] = {}
        for index, rule in enumerate(self._rules):
            for keyword in rule.keywords:
                owners.setdefault(keyword, set()).add(index)
        for keyword in generic.KEYWORDS:
            owners.setdefault(keyword, set()).add(-1)
        for keyword, indexes in owners.items():
            self._automaton.add_word(keyword, (len(keyword), tuple(indexes)))
        self._automaton.make_automaton()

    def scan(self, path: str, data: bytes, fingerprints: Fingerprints) -> list[Finding]:
        """The secrets of one file, by place, at most `findings_per_file`."""
        hits = sorted(self._hits(path, data), key=lambda hit: (hit.start, -hit.end))
        if not hits:
            return []
        starts = [0, *(index + 1 for index in _newlines(data))]
        findings: list[Finding] = []
        covered = -1
        for hit in hits:
            if hit.start < covered:
                # A token inside one found already: the more special rule came first.
                continue
            covered = hit.end
            findings.append(self._finding(path, starts, hit, fingerprints))
            if len(findings) >= self._most:
                break
        return findings

    def _pattern(self, text: str) -> Any:
        if text not in self._compiled:
            self._compiled[text] = re2.compile(text.encode())
        return self._compiled[text]

    def _hits(self, path: str, data: bytes) -> Iterator[_Hit]:
        windows = self._windows(data)
        special: list[_Hit] = []
        for index, spans in windows.items():
            if index >= 0:
                for start, end in spans:
                    special.extend(self._apply(index, data, start, end))
                    if len(special) > _HITS_PER_RULE * self._most:
                        break
        yield from special
        taken = [(hit.start, hit.end) for hit in special]
        for start, end in windows.get(-1, ()):
            for hit in self._assignments(path, data, start, end):
                if not any(
                    hit.start < other_end and start_ < hit.end for start_, other_end in taken
                ):
                    yield hit

    def _windows(self, data: bytes) -> dict[int, list[tuple[int, int]]]:
        """The stretches each rule is tried on: whole lines, joined where they touch."""
        windows: dict[int, list[tuple[int, int]]] = {}
        # Latin-1 maps each byte to one character, so that positions stay the same.
        text = data.decode("latin-1").lower()
        if len(text) != len(data):
            text = data.lower().decode("latin-1")
        for last, (length, indexes) in self._automaton.iter(text):
            begin = last + 1 - length
            start = max(data.rfind(b"\n", 0, begin) + 1, begin - _REACH)
            stop = data.find(b"\n", last)
            end = min(len(data) if stop < 0 else stop, last + _REACH)
            for index in indexes:
                spans = windows.setdefault(index, [])
                if spans and start <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
                else:
                    spans.append((start, end))
        return windows

    def _apply(self, index: int, data: bytes, start: int, end: int) -> Iterator[_Hit]:
        rule = self._rules[index]
        for match in self._pattern(rule.pattern).finditer(data[start:end]):
            secret = match.group(1)
            text = secret.decode("latin-1")
            at = start + match.start(1)
            if rule is PRIVATE_KEY_RULE:
                length = _key_length(data, at)
                if length:
                    yield _Hit(rule, at, at + length, data[at : at + length], rule.confidence)
                continue
            if rule is URL_PASSWORD_RULE and not _is_real_password(text, match.group(0)):
                continue
            if entropy(text) < rule.entropy or is_placeholder(text):
                continue
            yield _Hit(rule, at, at + len(secret), secret, rule.confidence)

    def _assignments(self, path: str, data: bytes, start: int, end: int) -> Iterator[_Hit]:
        if generic.is_of_names_only(path):
            return
        patterns = [self._pattern(generic.QUOTED)]
        if generic.is_settings_file(path):
            patterns.append(self._pattern(generic.BARE))
        for pattern in patterns:
            for match in pattern.finditer(data[start:end]):
                group = next((n for n in range(2, 5) if _group(match, n) is not None), 0)
                if not group:
                    continue
                value = match.group(group)
                found = generic.Assignment(
                    match.group(1).decode("latin-1"),
                    value.decode("latin-1"),
                    start + match.start(group),
                    start + match.end(group),
                )
                confidence = generic.judge(found)
                if confidence is not None:
                    yield _Hit(
                        self._generic_rule, found.start, found.end, value, confidence, found.name
                    )

    def _finding(
        self, path: str, starts: list[int], hit: _Hit, fingerprints: Fingerprints
    ) -> Finding:
        line = bisect_right(starts, hit.start)
        end_line = bisect_right(starts, max(hit.start, hit.end - 1))
        severity, note = _severity(path, hit)
        subject = (
            f"'{hit.name}' is given a fixed value"
            if hit.name
            else f"{_article(hit.rule.what)} {hit.rule.what} is written in the file"
        )
        message = (
            f"{subject}{note}. "
            "Whoever can read the repository or any copy of its history can use it."
        )
        return fingerprints.stamp(
            Finding(
                rule_id=hit.rule.id,
                tool=TOOL,
                severity=severity,
                confidence=hit.confidence,
                category=Category.SECRET,
                file=path,
                line=line,
                end_line=end_line,
                message=message,
                suggestion=_ROTATE,
                mask=self._masker.mask(hit.secret, known_prefix=_public_prefix(hit)),
                secret_hash=self._masker.digest(hit.secret),
            ),
            # The line's text may hold this secret or another one: only the name goes in.
            hit.name or hit.rule.id,
        )


def _severity(path: str, hit: _Hit) -> tuple[Severity, str]:
    if is_test_path(path):
        return Severity.INFO, " in a test, an example or documentation"
    if path.endswith(_TEMPLATE_NAMES) and hit.rule.severity is not Severity.CRITICAL:
        return Severity.INFO, " in a template"
    return hit.rule.severity, ""


def _article(noun: str) -> str:
    return "An" if noun[0] in "AaEeIiOo" or noun.startswith("npm") else "A"


def _public_prefix(hit: _Hit) -> str:
    """The part of a provider's token that is the same for everybody, at most four characters."""
    if hit.rule.confidence is not Confidence.HIGH or hit.rule is PRIVATE_KEY_RULE:
        return ""
    text = hit.secret.decode("latin-1")
    for keyword in hit.rule.keywords:
        if text.lower().startswith(keyword):
            return text[: min(4, len(keyword))]
    return ""


def _newlines(data: bytes) -> Iterator[int]:
    index = data.find(b"\n")
    while index >= 0:
        yield index
        index = data.find(b"\n", index + 1)


def _group(match: Any, number: int) -> bytes | None:
    try:
        group: bytes | None = match.group(number)
    except IndexError:
        return None
    return group


def _is_real_password(password: str, whole: bytes) -> bool:
    trivial = {"password", "pass", "secret", "postgres", "root", "admin", "user", "test", "guest"}
    host = whole.rpartition(b"@")[2]
    user = whole.partition(b"://")[2].partition(b":")[0].decode("latin-1")
    return not (
        password.lower() in trivial
        or is_placeholder(password)
        or "{" in whole.decode("latin-1")
        or password.startswith(("$", "{", "%", "<", ":", "/"))
        or host.startswith((b"example", b"host"))
        or password.isdigit()
        # The same word twice is the default of a database for development.
        or password == user
    )


def _key_length(data: bytes, start: int) -> int:
    """The length of a private key that begins at `start`, or 0 when only its heading is there."""
    body = data[start : start + _KEY_BODY]
    heading = body.find(b"-----", 11) + 5 if body.startswith(b"-----") else body.find(b"\n") + 1
    end = body.find(b"-----END", heading)
    inner = body[heading : end if end > 0 else len(body)]
    material = inner.replace(b"\\n", b"").replace(b"\\r", b"")
    kept = bytes(c for c in material if chr(c).isalnum() or chr(c) in "+/=")
    enough = 60
    if end < 0 and len(kept) < _MOSTLY * len(material):
        # Prose that names a heading.
        return 0
    if len(kept) < enough or entropy(kept[:2000].decode("latin-1")) < 4.0:  # noqa: PLR2004  # bits
        return 0
    if end < 0:
        return len(body)
    stop = body.find(b"\n", end)
    return stop if stop > 0 else len(body)
