"""The steps of a run laid out as a tree: each below the last of what it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree. `also_needs`: what it needs beside the step it hangs below."""

    step: Step
    depth: int
    prefix: str
    also_needs: tuple[str, ...]


def tree_rows(steps: Sequence[Step]) -> list[Row]:
    """Return the rows from top to bottom; `steps` come in an order in which they can run."""
    position = {step["node"]: index for index, step in enumerate(steps)}
    children: dict[str | None, list[Step]] = {}
    for step in steps:
        needs = [need for need in step["needs"] if need in position]
        parent = max(needs, key=position.__getitem__) if needs else None
        children.setdefault(parent, []).append(step)
    rows: list[Row] = []
    # An explicit stack: a chain of ten thousand steps is deeper than Python's own.
    waiting = [(step, 0, "", "") for step in reversed(children.get(None, []))]
    while waiting:
        step, depth, lead, branch = waiting.pop()
        below = children.get(step["node"], [])
        parent_needs = tuple(need for need in step["needs"] if need in position)
        last = max(parent_needs, key=position.__getitem__) if parent_needs else None
        others = tuple(need for need in parent_needs if need != last)
        rows.append(Row(step, depth, f"  {lead}{branch}", others))
        next_lead = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        for index, child in enumerate(reversed(below)):
            waiting.append((child, depth + 1, next_lead, "└─ " if index == 0 else "├─ "))
    return rows
