"""How complicated functions are, measured by lizard for some fifteen languages."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MEASURED = frozenset(
    {
        "python",
        "javascript",
        "typescript",
        "tsx",
        "go",
        "java",
        "kotlin",
        "rust",
        "c",
        "cpp",
        "csharp",
        "ruby",
        "php",
        "swift",
        "scala",
        "lua",
        "objectivec",
    }
)
MINOR = 10
MAJOR = 20


@dataclass(frozen=True, slots=True)
class Function:
    """Lines count from 1; `complexity` is McCabe's number of paths, `lines` excludes comments."""

    name: str
    start: int
    end: int
    complexity: int
    lines: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Measure:
    lines: int = 0
    functions: tuple[Function, ...] = field(default_factory=tuple)


def measure(path: str, text: str) -> Measure:
    """Measure one file of a language in `MEASURED`. May take long or raise on hostile input."""
    information = _analyzer().analyze_source_code(path, text)
    return Measure(
        information.nloc,
        tuple(
            Function(
                function.name[:200],
                function.start_line,
                max(function.start_line, function.end_line),
                function.cyclomatic_complexity,
                function.nloc,
                len(function.full_parameters),
            )
            for function in information.function_list
        ),
    )


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    # Imported here: it is slow, and only the review needs it.
    import lizard  # noqa: PLC0415

    return lizard.FileAnalyzer(lizard.get_extensions([]))
