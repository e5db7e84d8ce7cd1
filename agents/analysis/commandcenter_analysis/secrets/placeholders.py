"""Telling a value that is a secret from one that only stands where a secret would."""

import math
import re
from collections import Counter
from itertools import pairwise

# Not after a letter, so that a random token which happens to hold the letters is not excused.
_WORDS = re.compile(
    r"(?i)(example|sample|dummy|placeholder|change[-_]?me|change[-_]?this|change[-_]?it|replace"
    r"|your[-_]?|my[-_]?(secret|password|token|api|key)|insert[-_]|enter[-_]|put[-_]|todo|fixme"
    r"|redacted|masked|hidden|secret[-_]?here|key[-_]?here|token[-_]?here|fake|notreal|not[-_]real"
    r"|invalid|undefined|foobar|foo[-_]?bar|lorem|xxxx|\*\*\*\*|\.\.\.|……|_here$|<[^>]*>)"
)
_REFERENCE = re.compile(
    r"(\$\{|\$\(|\{\{|%\(|%[A-Z_]+%|^\$[A-Za-z_]|<%|#\{|^@|\{[a-z_.]*\}|^\[|^arn:|^vault:|^op://"
    r"|^ssm:|^secretsmanager|^env[:(.]|process\.env|os\.environ|getenv)"
)
_TRIVIAL = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "token",
        "none",
        "null",
        "nil",
        "true",
        "false",
        "string",
        "required",
        "optional",
        "default",
        "enabled",
        "disabled",
        "unknown",
        "empty",
        "anonymous",
        "test",
        "testing",
        "guest",
        "user",
        "username",
        "bearer",
        "basic",
    }
)


def entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    if not value:
        return 0.0
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())


# The payload of the token on the pages that explain tokens.
_PUBLIC_SAMPLE = "eyJzdWIiOiIxMjM0NTY3ODkw"


def is_placeholder(value: str) -> bool:
    """Whether the value says of itself that it is none, or refers to where the real one is."""
    return (
        value.lower() in _TRIVIAL
        or bool(_WORDS.search(value))
        or bool(_REFERENCE.search(value))
        or is_patterned(value)
        or _PUBLIC_SAMPLE in value
    )


def is_patterned(value: str) -> bool:
    """Whether the value is one or two characters over and over, or a run like 123456."""
    if len(set(value)) <= 2:  # noqa: PLR2004  # aaaa, abab
        return True
    steps = [ord(after) - ord(before) for before, after in pairwise(value)]
    runs = sum(1 for step in steps if step in {1, 0, -1})
    return runs >= 0.7 * len(steps)  # 0123456789abcdef is a run with one gap
