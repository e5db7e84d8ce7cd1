"""The shape of a pattern rule."""

from dataclasses import dataclass, field
from typing import Any

from commandcenter_analysis.findings import Category, Confidence, Severity


@dataclass(frozen=True, slots=True)
class PatternRule:
    """`rule` and `constraints` are in ast-grep's rule language.

    `keywords` are exact pieces of text of which one must occur in the file for the rule to be
    tried at all: most files are done without being parsed.
    """

    id: str
    keywords: tuple[str, ...]
    severity: Severity
    confidence: Confidence
    category: Category
    message: str
    suggestion: str
    rule: dict[str, Any]
    constraints: dict[str, Any] = field(default_factory=dict)
    in_tests: bool = False
