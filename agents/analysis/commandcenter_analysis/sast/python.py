"""Security rules for Python that ruff does not have."""

from typing import Any

from commandcenter_analysis.findings import Category, Confidence, Severity
from commandcenter_analysis.sast.rule import PatternRule

_REQUEST = r"\brequest\.(args|form|values|json|GET|POST|query_params|path_params|cookies|headers)\b"


def _keyword_argument(function: str, argument: str) -> dict[str, Any]:
    return {
        "kind": "keyword_argument",
        "regex": argument,
        "inside": {
            "kind": "argument_list",
            "inside": {"kind": "call", "has": {"field": "function", "regex": function}},
        },
    }


PYTHON_RULES: tuple[PatternRule, ...] = (
    PatternRule(
        "py-debug-on",
        ("debug", "DEBUG"),
        Severity.WARNING,
        Confidence.HIGH,
        Category.CONFIGURATION,
        "The application runs in debug mode. Its error pages show code, settings and data.",
        "Take it from the environment, off by default.",
        {
            "any": [
                _keyword_argument(r"(^|\.)(FastAPI|Starlette|Litestar)$", r"^debug\s*=\s*True$"),
                {
                    "pattern": "DEBUG = True",
                    "inside": {"kind": "expression_statement", "inside": {"kind": "module"}},
                },
            ]
        },
    ),
    PatternRule(
        "py-jwt-not-verified",
        ("verify_signature", "verify=False", "none"),
        Severity.CRITICAL,
        Confidence.HIGH,
        Category.CRYPTOGRAPHY,
        "A token's signature is not checked. Anybody can write a token that is accepted.",
        "Check it: jwt.decode(token, key, algorithms=[...]).",
        {
            "kind": "call",
            "all": [
                {"has": {"field": "function", "regex": r"(^|\.)jwt\.decode$"}},
                {
                    "has": {
                        "field": "arguments",
                        "regex": r"(verify_signature['\"]\s*:\s*False|verify\s*=\s*False"
                        r"|algorithms\s*=\s*\[\s*['\"]none)",
                    }
                },
            ],
        },
    ),
    PatternRule(
        "py-path-traversal",
        ("request.",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.FILES,
        "A file name comes straight from the request. With ../ in it, any file can be reached.",
        "Resolve the path and refuse it unless it lies below the directory it must be in.",
        {
            "kind": "call",
            "all": [
                {
                    "has": {
                        "field": "function",
                        "regex": r"^(open|(io|os)\.open|send_file|FileResponse|os\.remove)$",
                    }
                },
                {"has": {"field": "arguments", "regex": _REQUEST}},
                {
                    "not": {
                        "has": {
                            "field": "arguments",
                            "regex": r"(basename|secure_filename|safe_join)\(",
                        }
                    }
                },
            ],
        },
    ),
    PatternRule(
        "py-open-redirect",
        ("redirect(", "RedirectResponse("),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.INJECTION,
        "The address of a redirect comes straight from the request. Links to this site can lead "
        "to anybody's.",
        "Redirect to paths of a list, or check that the address is of this site.",
        {
            "kind": "call",
            "all": [
                {
                    "has": {
                        "field": "function",
                        "regex": r"^(redirect|HttpResponseRedirect|RedirectResponse)$",
                    }
                },
                {"has": {"field": "arguments", "regex": rf"^\(\s*(url\s*=\s*)?{_REQUEST}"}},
            ],
        },
    ),
    PatternRule(
        "py-template-injection",
        ("render_template_string", "Template("),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.INJECTION,
        "A template is made from a value of the request. Templates can run code.",
        "Keep templates constant and pass the value as a variable.",
        {
            "kind": "call",
            "all": [
                {
                    "has": {
                        "field": "function",
                        "regex": r"^(render_template_string|Template|jinja2\.Template)$",
                    }
                },
                {"has": {"field": "arguments", "regex": rf"^\(.{{0,200}}{_REQUEST}"}},
                {"not": {"has": {"field": "arguments", "regex": rf"\w+\s*=\s*{_REQUEST}"}}},
            ],
        },
    ),
    PatternRule(
        "py-cors-any-origin-with-credentials",
        ("allow_credentials",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CONFIGURATION,
        "Every site may call this one with the visitor's credentials.",
        "Name the origins that may.",
        {
            "kind": "argument_list",
            "all": [
                {
                    "has": {
                        "kind": "keyword_argument",
                        "regex": r"^allow_origins\s*=\s*\[\s*['\"]\*['\"]\s*\]$",
                    }
                },
                {"has": {"kind": "keyword_argument", "regex": r"^allow_credentials\s*=\s*True$"}},
            ],
        },
    ),
    PatternRule(
        "py-cookie-not-secure",
        ("set_cookie",),
        Severity.INFO,
        Confidence.MEDIUM,
        Category.CONFIGURATION,
        "A cookie is set that is sent without encryption or can be read by scripts.",
        'Pass secure=True, httponly=True and samesite="lax".',
        {
            "kind": "call",
            "all": [
                {"has": {"field": "function", "regex": r"\.set_cookie$"}},
                {"has": {"field": "arguments", "regex": r"(httponly|secure)\s*=\s*False"}},
            ],
        },
    ),
)
