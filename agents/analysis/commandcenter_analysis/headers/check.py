"""The header check: every server and application, with what it leaves out."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from commandcenter_analysis.classify import is_test_path, language_of
from commandcenter_analysis.findings import Category, Confidence, Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.headers.applications import read_javascript, read_python
from commandcenter_analysis.headers.model import ABOUT, Facts, Header, Site
from commandcenter_analysis.headers.servers import (
    looks_like_apache,
    looks_like_nginx,
    read_apache,
    read_caddy,
    read_nginx,
)
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.parallel import Failed, each
from commandcenter_analysis.reading import open_root
from commandcenter_analysis.scope import read_content
from commandcenter_analysis.skips import Skip, SkipLog
from commandcenter_analysis.walk import SourceFile

TOOL = "commandcenter-headers"
_SCOPE_FILES = frozenset(
    {"package.json", "pyproject.toml", "setup.py", "requirements.txt", "go.mod", "manage.py"}
)
_JAVASCRIPT = frozenset({"javascript", "typescript", "tsx"})
_CONFIGURATION = (".conf", ".nginx", ".htaccess", ".template", "caddyfile")


def check_headers(
    root: Path, files: Sequence[SourceFile], limits: Limits, skips: SkipLog
) -> list[Finding]:
    """Missing security headers. An application behind a server that sets them is only noted."""
    paths = [file.path for file in files if not file.vendored and _may_tell(file.path)]
    facts: list[Facts] = []
    descriptor = open_root(root)
    try:
        for path, result in each(
            paths,
            lambda path: _read(descriptor, path, limits),
            seconds_per_item=limits.seconds_per_file,
            seconds=limits.seconds / 2,
        ):
            if isinstance(result, Failed):
                skips.add(Skip(path, result.reason, result.detail))
            elif isinstance(result, Skip):
                skips.add(result)
            elif result is not None:
                facts.append(result)
    finally:
        os.close(descriptor)
    facts.sort(key=lambda fact: fact.file)
    scopes = _Scopes({file.path.rpartition("/")[0] for file in files if _names_scope(file)})
    fingerprints = Fingerprints()
    return [fingerprints.stamp(finding, finding.rule_id) for finding in _judge(facts, scopes)]


def _names_scope(file: SourceFile) -> bool:
    return not file.vendored and file.path.rpartition("/")[2] in _SCOPE_FILES


def _may_tell(path: str) -> bool:
    if is_test_path(path):
        return False
    name = path.rpartition("/")[2].lower()
    return (
        language_of(path) in {"python", *_JAVASCRIPT}
        or name.endswith(_CONFIGURATION)
        or name.startswith("caddyfile")
        or "nginx" in name
    )


def _read(root: int, path: str, limits: Limits) -> Facts | Skip | None:
    content = read_content(root, path, limits)
    if isinstance(content, Skip):
        return content
    name = path.rpartition("/")[2]
    if content.language == "python":
        facts = read_python(path, content.text)
    elif content.language in _JAVASCRIPT:
        facts = read_javascript(path, content.text)
    elif content.skip is not None or language_of(path):
        return content.skip
    elif name.lower().startswith("caddyfile"):
        facts = read_caddy(path, content.text)
    elif looks_like_nginx(name, content.text):
        facts = read_nginx(path, content.text)
    elif looks_like_apache(name, content.text):
        facts = read_apache(path, content.text)
    else:
        return None
    return facts if facts.sites or facts.mentions or facts.dropped else None


class _Scopes:
    """Which package of the repository a file belongs to: code elsewhere sets nothing for it."""

    def __init__(self, directories: set[str]) -> None:
        self._directories = directories

    def of(self, path: str) -> str:
        directory = path.rpartition("/")[0]
        while directory and directory not in self._directories:
            directory = directory.rpartition("/")[0]
        return directory


def _judge(facts: Sequence[Facts], scopes: _Scopes) -> Iterator[Finding]:
    mentions: dict[str, set[Header]] = defaultdict(set)
    for fact in facts:
        mentions[scopes.of(fact.file)] |= fact.mentions
    proxies = [site for fact in facts for site in fact.sites if site.is_proxy]
    set_in_front = (
        frozenset.intersection(*(site.present for site in proxies)) if proxies else frozenset()
    )
    for fact in facts:
        for site in fact.sites:
            own = site.present | (frozenset() if site.is_proxy else mentions[scopes.of(site.file)])
            for header in sorted(site.expected - own, key=list(Header).index):
                yield _missing(site, header, in_front=not site.is_proxy and header in set_in_front)
        for dropped in fact.dropped:
            names = ", ".join(ABOUT[header].name for header in dropped.headers)
            yield _finding(
                "header-dropped",
                Severity.WARNING,
                Confidence.HIGH,
                (dropped.file, dropped.line),
                f"This {dropped.kind} has an add_header of its own, so nginx drops those of the "
                f"server around it: {names}.",
                "Repeat them here, or move them into a file that both include.",
            )


def _missing(site: Site, header: Header, *, in_front: bool) -> Finding:
    about = ABOUT[header]
    severity, confidence = about.severity, Confidence.MEDIUM
    note = ""
    if in_front:
        severity, confidence = Severity.INFO, Confidence.LOW
        note = " The web server's configuration in this repository sets it in front."
    elif site.unsure:
        severity, confidence = Severity.INFO, Confidence.LOW
        note = " It includes files that are not in this repository, which may set it."
    how = site.how.replace("{name}", about.name).replace("{value}", about.value)
    return _finding(
        f"header-missing-{header.value}",
        severity,
        confidence,
        (site.file, site.line),
        f"This {site.kind} does not set {about.name}. {about.why}{note}",
        f"Use {how}." if how else f"Send {about.name}: {about.value}.",
    )


def _finding(
    rule: str,
    severity: Severity,
    confidence: Confidence,
    place: tuple[str, int],
    message: str,
    suggestion: str,
) -> Finding:
    file, line = place
    return Finding(
        rule, TOOL, severity, confidence, Category.HEADERS, file, line, line, message, suggestion
    )
