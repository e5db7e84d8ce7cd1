"""The program's beginning, which loads nothing: Ctrl-C is answered while all the rest is loaded."""

import signal
import sys


def main() -> None:
    """Run the program and exit with a code of `exit_codes`."""
    try:
        from commandcenter.cli.program import run  # noqa: PLC0415  # takes a while

        run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending already
        from commandcenter.cli.exit_codes import ExitCode  # noqa: PLC0415

        sys.stderr.write("\nInterrupted.\n")
        sys.exit(int(ExitCode.INTERRUPTED))


if __name__ == "__main__":
    main()
