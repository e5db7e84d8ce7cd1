"""Figures from samples, and the tables they are shown in."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, beside what, and what is to be reached. Times in ms."""

    name: str
    samples: Sequence[float]
    target: str = ""
    reference: Sequence[float] = ()

    def percentile(self, share: float) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def row(self) -> tuple[str, ...]:
        median = statistics.median(self.samples)
        ratio = ""
        if self.reference:
            ratio = f"{median / statistics.median(self.reference):.2f}x"
        return (
            self.name,
            str(len(self.samples)),
            f"{median:.1f}",
            f"{self.percentile(0.95):.1f}",
            f"{self.percentile(0.99):.1f}",
            self.target,
            ratio,
        )


HEADER = ("measured (ms)", "n", "median", "p95", "p99", "to reach", "of reference")


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table, readable as it is."""
    rows = [HEADER, *(figure.row() for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
