"""All benchmarks, one after the other: `make bench`."""

import os
import platform

from benchmarks import approvals, dags, fanout, process, stacks, steps
from benchmarks.stats import table


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    figures = [*steps.main(), *dags.main(), *approvals.main(), *fanout.main()]
    measured, notes = process.main()
    of_stacks, notes_of_stacks = stacks.main()
    print(table([*figures, *measured, *of_stacks]))
    print(*notes, *notes_of_stacks, sep="\n")


if __name__ == "__main__":
    main()
