"""Reading test coverage from the reports that are already in a repository."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

REPORT_NAMES = frozenset(
    {
        "coverage.json",
        "coverage.xml",
        "cobertura.xml",
        "cobertura-coverage.xml",
        "lcov.info",
        "coverage-final.json",
        "coverage.lcov",
    }
)
_MOST_LINES = 2_000_000


@dataclass(slots=True)
class FileCoverage:
    covered: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)


@dataclass(slots=True)
class CoverageReport:
    """Covered and missed lines by file as the report names it. `file` is the report itself."""

    file: str
    files: dict[str, FileCoverage] = field(default_factory=dict)

    def percent(self, names: Iterable[str] | None = None) -> float | None:
        """The share of lines covered, in all files or in those named; None without any line."""
        chosen = (
            self.files.values()
            if names is None
            else [coverage for name in names if (coverage := self.of(name)) is not None]
        )
        covered = sum(len(coverage.covered) for coverage in chosen)
        missed = sum(len(coverage.missed) for coverage in chosen)
        return round(100 * covered / (covered + missed), 1) if covered + missed else None

    def of(self, path: str) -> FileCoverage | None:
        """The coverage of a file of the repository; reports may name it with other parents."""
        if path in self.files:
            return self.files[path]
        candidates = [
            name for name in self.files if path.endswith(f"/{name}") or name.endswith(f"/{path}")
        ]
        return self.files[candidates[0]] if len(candidates) == 1 else None


class CoverageError(Exception):
    """A report that is not in a known format."""


def read_report(path: str, text: str) -> CoverageReport:
    """Read coverage.py's JSON, Istanbul's JSON, Cobertura XML or lcov. Raises `CoverageError`."""
    name = path.rpartition("/")[2]
    report = CoverageReport(path)
    try:
        if name.endswith(".json"):
            _read_json(text, report)
        elif name.endswith(".xml"):
            _read_cobertura(text, report)
        else:
            _read_lcov(text, report)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CoverageError(f"{path} is no coverage report that can be read") from error
    if not report.files:
        raise CoverageError(f"{path} names no file")
    return report


def _read_json(text: str, report: CoverageReport) -> None:
    data = json.loads(text)
    if isinstance(data.get("files"), dict):
        for name, entry in data["files"].items():
            report.files[_clean(name)] = FileCoverage(
                set(map(int, entry["executed_lines"])), set(map(int, entry["missing_lines"]))
            )
        return
    for name, entry in data.items():
        coverage = FileCoverage()
        for key, place in entry["statementMap"].items():
            hit = coverage.covered if entry["s"][key] else coverage.missed
            hit.add(int(place["start"]["line"]))
        coverage.missed -= coverage.covered
        report.files[_clean(name)] = coverage


_ATTRIBUTE = re.compile(r"(\w+)=\"([^\"]{0,1000})\"")


def _read_cobertura(text: str, report: CoverageReport) -> None:
    # Read by its tags alone: there is no parser here that could expand an entity.
    if "<!ENTITY" in text or "<coverage" not in text:
        raise ValueError("no plain Cobertura report")
    current: FileCoverage | None = None
    lines = 0
    for match in re.finditer(r"<(class|line)\b([^>]{0,2000})>", text):
        attributes = dict(_ATTRIBUTE.findall(match.group(2)))
        if match.group(1) == "class":
            name = _clean(attributes.get("filename", ""))
            current = report.files.setdefault(name, FileCoverage()) if name else None
        elif current is not None and attributes.get("number", "").isdigit():
            lines += 1
            if lines > _MOST_LINES:
                raise ValueError("too many lines")
            hit = attributes.get("hits", "0") not in {"", "0"}
            (current.covered if hit else current.missed).add(int(attributes["number"]))
    for coverage in report.files.values():
        coverage.missed -= coverage.covered


def _read_lcov(text: str, report: CoverageReport) -> None:
    current: FileCoverage | None = None
    for line in text.splitlines()[:_MOST_LINES]:
        if line.startswith("SF:"):
            current = report.files.setdefault(_clean(line[3:].strip()), FileCoverage())
        elif line.startswith("DA:") and current is not None:
            number, _, hits = line[3:].partition(",")
            hit = hits.partition(",")[0].strip() not in {"", "0"}
            (current.covered if hit else current.missed).add(int(number))


def _clean(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
