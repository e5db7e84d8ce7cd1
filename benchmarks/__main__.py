"""All benchmarks, one after the other: `make bench`."""

import os
import platform

from benchmarks import approvals, dags, fanout, process, steps
from benchmarks.stats import table


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    figures = [*steps.main(), *dags.main(), *approvals.main(), *fanout.main()]
    measured, notes = process.main()
    print(table([*figures, *measured]))
    print(*notes, sep="\n")


if __name__ == "__main__":
    main()
