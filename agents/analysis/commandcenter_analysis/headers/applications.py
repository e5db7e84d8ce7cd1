"""Web frameworks: Express, FastAPI and Starlette, Flask, Django, Next.js."""

import ast
import re
import warnings

from commandcenter_analysis.headers.model import (
    ALL_HEADERS,
    Facts,
    Header,
    Site,
    header_of,
    with_frame_ancestors,
)

_QUOTED_HEADER = re.compile(
    r"[\"'`](content-security-policy|strict-transport-security|x-content-type-options"
    r"|x-frame-options|referrer-policy|permissions-policy)[\"'`]",
    re.IGNORECASE,
)
_ALL_BUT_PERMISSIONS = ALL_HEADERS - {Header.PERMISSIONS}


def mentioned(text: str) -> set[Header]:
    """Headers whose exact name stands in quotes in code: taken as set somewhere."""
    found = {header for name in _QUOTED_HEADER.findall(text) if (header := header_of(name))}
    if Header.CSP in found:
        with_frame_ancestors(found, text)
    return found


_EXPRESS = re.compile(r"(?m)^[^\n/*]{0,200}[=(]\s*express\(\s*\)")
_EXPRESS_IMPORT = re.compile(r"require\(\s*['\"]express['\"]\s*\)|from\s+['\"]express['\"]")
_HELMET = re.compile(r"\bhelmet\s*\(")
_HELMET_OFF = {
    Header.CSP: "contentSecurityPolicy",
    Header.HSTS: r"(?:hsts|strictTransportSecurity)",
    Header.NOSNIFF: r"(?:noSniff|xContentTypeOptions)",
    Header.FRAMES: r"(?:frameguard|xFrameOptions)",
    Header.REFERRER: "referrerPolicy",
}
_HELMET_PART = {
    Header.CSP: ("helmet.contentSecurityPolicy(", "lusca.csp("),
    Header.HSTS: ("helmet.hsts(", "helmet.strictTransportSecurity(", "lusca.hsts("),
    Header.NOSNIFF: ("helmet.noSniff(", "helmet.xContentTypeOptions(", "lusca.nosniff("),
    Header.FRAMES: ("helmet.frameguard(", "helmet.xFrameOptions(", "lusca.xframe("),
    Header.REFERRER: ("helmet.referrerPolicy(", "lusca.referrerPolicy("),
}


def read_javascript(path: str, text: str) -> Facts:
    """Express applications, Next.js configuration, and headers set by hand."""
    plain = _without_comments(text)
    mentions = mentioned(plain)
    if "elmet" in plain or "lusca." in plain:
        if _HELMET.search(plain):
            mentions |= {
                header
                for header in _ALL_BUT_PERMISSIONS
                if not re.search(rf"{_HELMET_OFF[header]}\s*:\s*false", plain)
            }
        mentions |= {
            header for header, calls in _HELMET_PART.items() if any(call in plain for call in calls)
        }
    sites: list[Site] = []
    name = path.rpartition("/")[2]
    match = _EXPRESS.search(plain) if _EXPRESS_IMPORT.search(plain) else None
    if match:
        sites.append(
            Site(
                "Express application",
                path,
                plain.count("\n", 0, match.end()) + 1,
                frozenset(),
                how="app.use(helmet()), which sets {name} and its relatives",
            )
        )
    elif re.fullmatch(r"next\.config\.(js|mjs|cjs|ts)", name):
        sites.append(
            Site(
                "Next.js application",
                path,
                1,
                frozenset(),
                how="headers() in next.config, returning {name}: {value}",
            )
        )
    return Facts(path, tuple(sites), mentions=frozenset(mentions))


def _without_comments(text: str) -> str:
    """The code without whole-line comments; lines keep their numbers."""
    return "\n".join(
        "" if line.lstrip().startswith(("//", "*", "/*")) else line for line in text.split("\n")
    )


_PYTHON_KINDS = {
    "FastAPI": "FastAPI application",
    "Starlette": "Starlette application",
    "Flask": "Flask application",
}
_PYTHON_HOW = {
    "FastAPI application": "a middleware that sets {name}: {value} on every response",
    "Starlette application": "a middleware that sets {name}: {value} on every response",
    "Flask application": "flask-talisman, or an after_request function that sets {name}: {value}",
}
_PYTHON_SETTERS = re.compile(
    r"\bTalisman\(|\bSecureHeaders\(|\bSecure\.with_default_headers\(|\bSecWeb\(|\bsecure\.Secure\("
)


def read_python(path: str, text: str) -> Facts:
    """FastAPI, Starlette and Flask applications, Django settings, and headers set by hand."""
    if "MIDDLEWARE" in text and "django" in text:
        django = _django(path, text)
        if django is not None:
            return Facts(path, (django,))
    plain = "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
    mentions = mentioned(plain)
    if _PYTHON_SETTERS.search(plain):
        mentions |= ALL_HEADERS
    sites = [
        Site(kind, path, line, frozenset(), how=_PYTHON_HOW[kind])
        for kind, line in _python_applications(text)
    ]
    return Facts(path, tuple(sites), mentions=frozenset(mentions))


def _python_applications(text: str) -> list[tuple[str, int]]:
    """The first application of each kind that is made in the file, with its line."""
    if not any(f"{name}(" in text for name in _PYTHON_KINDS):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _called(node.func, imported)
            if name in _PYTHON_KINDS:
                found.setdefault(_PYTHON_KINDS[name], node.lineno)
    return list(found.items())


def _called(function: ast.expr, imported: set[str]) -> str:
    """The name of an imported class that is called: `Flask(...)` or `flask.Flask(...)`."""
    if isinstance(function, ast.Name):
        return function.id if function.id in imported else ""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id in imported else ""
    return ""


_MIDDLEWARE = re.compile(r"(?m)^MIDDLEWARE(?:_CLASSES)?\s*(?::[^=\n]+)?=\s*[\[(]")


def _django(path: str, text: str) -> Site | None:
    match = _MIDDLEWARE.search(text)
    if match is None:
        return None
    plain = "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
    present: set[Header] = set()
    if "django.middleware.security.SecurityMiddleware" in plain:
        if not re.search(r"SECURE_CONTENT_TYPE_NOSNIFF\s*=\s*False", plain):
            present.add(Header.NOSNIFF)
        if not re.search(r"SECURE_REFERRER_POLICY\s*=\s*None", plain):
            present.add(Header.REFERRER)
        if re.search(r"SECURE_HSTS_SECONDS\s*=\s*(?!0\s*$)\S", plain, re.MULTILINE):
            present.add(Header.HSTS)
    if "clickjacking.XFrameOptionsMiddleware" in plain:
        present.add(Header.FRAMES)
    if "csp.middleware" in plain or "ContentSecurityPolicyMiddleware" in plain:
        present.add(Header.CSP)
    if "permissions_policy" in plain.lower():
        present.add(Header.PERMISSIONS)
    return Site(
        "Django project",
        path,
        text.count("\n", 0, match.start()) + 1,
        frozenset(present),
        how="Django's own setting or middleware for {name}",
    )
