"""How many compose files below a folder are read: `python -m benchmarks.compose_samples FOLDER`.

Meant for a checkout of public sample projects. Prints a table, and every refusal with its place.
"""

import statistics
import sys
import time
from collections import Counter
from pathlib import Path

from commandcenter.stacks.compose.files import FolderFiles
from commandcenter.stacks.compose.problems import ComposeRefusedError
from commandcenter.stacks.compose.read import ComposeRequest, read_compose
from commandcenter.stacks.detect import COMPOSE_FILES, ComposeFound, detect_stack


def main(root: Path) -> None:
    folders = sorted({path.parent for name in COMPOSE_FILES for path in root.rglob(name)})
    outcomes: Counter[str] = Counter()
    durations: list[float] = []
    refusals: list[str] = []
    for folder in folders:
        files = FolderFiles(folder)
        found = detect_stack(files)
        if not isinstance(found, ComposeFound):
            continue
        started = time.perf_counter()
        try:
            stack = read_compose(files, ComposeRequest(found.files, "sample")).stack
        except ComposeRefusedError as error:
            outcomes["refused"] += 1
            refusals.append(str(folder.relative_to(root)))
            refusals += [f"    {problem}" for problem in error.problems]
        else:
            outcomes["read"] += 1
            outcomes["services"] += len(stack.services)
        durations.append(time.perf_counter() - started)
    print(f"| projects | read | refused | services | median ms | slowest ms |\n{'|---' * 6}|")
    if durations:
        median, slowest = statistics.median(durations) * 1000, max(durations) * 1000
        print(
            f"| {len(durations)} | {outcomes['read']} | {outcomes['refused']} "
            f"| {outcomes['services']} | {median:.1f} | {slowest:.1f} |"
        )
    print("\n".join(refusals))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
