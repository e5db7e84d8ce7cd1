"""Web servers: nginx, Apache and Caddy."""

import re
from collections.abc import Iterator

from commandcenter_analysis.headers.blocks import Directive, read_blocks
from commandcenter_analysis.headers.model import (
    ALL_HEADERS,
    Dropped,
    Facts,
    Header,
    Site,
    header_of,
    with_frame_ancestors,
)

_PLAIN_HTTP = ALL_HEADERS - {Header.HSTS}
_LEAST_WORDS = 2


def looks_like_nginx(name: str, text: str) -> bool:
    return (name.endswith((".conf", ".nginx", ".conf.template")) or "nginx" in name.lower()) and (
        re.search(r"(?m)^\s*server\s*\{", text) is not None
    )


def read_nginx(path: str, text: str) -> Facts:
    """nginx hands `add_header` down only to blocks that have none of their own."""
    sites: list[Site] = []
    dropped: list[Dropped] = []
    for server, outer in _servers(read_blocks(text, ends_with_semicolon=True), frozenset()):
        children = server.children or []
        own, unsure = _nginx_headers(children)
        present = own if own or _has_headers(children) else outer
        if not _answers_itself(children):
            continue
        secure = any(
            directive.name == "listen"
            and ("ssl" in directive.words or any("443" in word for word in directive.words[1:2]))
            for directive in children
        )
        sites.append(
            Site(
                "nginx server",
                path,
                server.line,
                frozenset(present),
                ALL_HEADERS if secure else _PLAIN_HTTP,
                'add_header {name} "{value}" always;',
                unsure,
                is_proxy=True,
            )
        )
        for location in _locations(children):
            inside, _ = _nginx_headers(location.children or [])
            if _has_headers(location.children or []) and present - inside:
                dropped.append(
                    Dropped("nginx location", path, location.line, tuple(sorted(present - inside)))
                )
    return Facts(path, tuple(sites), tuple(dropped))


def _servers(
    directives: list[Directive], outer: frozenset[Header]
) -> Iterator[tuple[Directive, frozenset[Header]]]:
    for directive in directives:
        if directive.children is None:
            continue
        if directive.name == "server":
            yield directive, outer
        else:
            inner, _ = _nginx_headers(directive.children)
            yield from _servers(directive.children, frozenset(inner) or outer)


def _locations(directives: list[Directive]) -> Iterator[Directive]:
    for directive in directives:
        if directive.name == "location" and directive.children is not None:
            yield directive
            yield from _locations(directive.children)


def _has_headers(directives: list[Directive]) -> bool:
    return any(directive.name == "add_header" for directive in directives)


def _nginx_headers(directives: list[Directive]) -> tuple[set[Header], bool]:
    present: set[Header] = set()
    unsure = False
    for directive in directives:
        if (
            directive.name in {"add_header", "more_set_headers"}
            and len(directive.words) >= _LEAST_WORDS
        ):
            name, _, value = directive.words[1].partition(":")
            header = header_of(name)
            if header is not None:
                present.add(header)
                if header is Header.CSP:
                    with_frame_ancestors(present, " ".join([value, *directive.words[2:]]))
        elif directive.name == "include" and len(directive.words) >= _LEAST_WORDS:
            unsure = unsure or not directive.words[1].endswith(("mime.types", "_params"))
    return present, unsure


def _answers_itself(directives: list[Directive]) -> bool:
    """Whether the server serves pages; one that only redirects needs no headers."""
    names = {directive.name for directive in directives}
    return bool(
        names & {"root", "proxy_pass", "location", "fastcgi_pass", "uwsgi_pass", "include"}
    ) or ("return" not in names)


_APACHE_HEADER = re.compile(
    r"^\s*Header\s+(?:always\s+|onsuccess\s+)?(?:set|append|add|merge|setifempty)\s+(\S+)\s*(.*)$",
    re.IGNORECASE,
)


def read_apache(path: str, text: str) -> Facts:
    """Every `<VirtualHost>`; headers set outside one hold for all."""
    outer: set[Header] = set()
    hosts: list[tuple[int, bool, set[Header]]] = []
    current: set[Header] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        lowered = line.strip().lower()
        if lowered.startswith("<virtualhost"):
            current = set()
            hosts.append((number, "443" in lowered, current))
        elif lowered.startswith("</virtualhost"):
            current = None
        match = _APACHE_HEADER.match(line)
        header = header_of(match.group(1)) if match else None
        if match and header is not None:
            target = outer if current is None else current
            target.add(header)
            if header is Header.CSP:
                with_frame_ancestors(target, match.group(2))
    if not hosts and outer:
        hosts = [(1, False, set())]
    sites = [
        Site(
            "Apache host",
            path,
            line,
            frozenset(own | outer),
            ALL_HEADERS if secure else _PLAIN_HTTP,
            'Header always set {name} "{value}"',
            is_proxy=True,
        )
        for line, secure, own in hosts
    ]
    return Facts(path, tuple(sites))


def looks_like_apache(name: str, text: str) -> bool:
    return name == ".htaccess" or (name.endswith(".conf") and "<virtualhost" in text.lower())


def read_caddy(path: str, text: str) -> Facts:
    """Every site block; snippets count where they are imported."""
    directives = read_blocks(text, ends_with_semicolon=False)
    snippets = {
        directive.name.strip("()"): _caddy_headers(directive.children or [], {})[0]
        for directive in directives
        if directive.name.startswith("(")
    }
    sites = []
    for directive in directives:
        if not directive.words or directive.name.startswith("(") or directive.children is None:
            continue
        present, unsure = _caddy_headers(directive.children, snippets)
        plain = all(word.startswith(("http://", ":80")) for word in directive.words)
        if (
            any(child.name == "redir" for child in directive.children)
            and len(directive.children) == 1
        ):
            continue
        sites.append(
            Site(
                "Caddy site",
                path,
                directive.line,
                frozenset(present),
                _PLAIN_HTTP if plain else ALL_HEADERS,
                'header {name} "{value}"',
                unsure,
                is_proxy=True,
            )
        )
    return Facts(path, tuple(sites))


def _caddy_headers(
    directives: list[Directive], snippets: dict[str, set[Header]]
) -> tuple[set[Header], bool]:
    present: set[Header] = set()
    unsure = False
    for directive in directives:
        if directive.name == "header":
            entries = [child.words for child in directive.children or []]
            words = [word for word in directive.words[1:] if not word.startswith(("/", "@", "*"))]
            for entry in [*entries, words]:
                header = header_of(entry[0].lstrip("+?>")) if entry else None
                if header is not None:
                    present.add(header)
                    if header is Header.CSP:
                        with_frame_ancestors(present, " ".join(entry[1:]))
        elif directive.name == "import" and len(directive.words) >= _LEAST_WORDS:
            if directive.words[1] in snippets:
                present |= snippets[directive.words[1]]
            else:
                unsure = True
        elif directive.children is not None:
            inner, inner_unsure = _caddy_headers(directive.children, snippets)
            present |= inner
            unsure = unsure or inner_unsure
    return present, unsure
