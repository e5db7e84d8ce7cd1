"""What a pipeline wants of a run beside its state: a SARIF file, a verdict on the findings."""

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from commandcenter.cli import sarif
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.follow import get_run, is_over
from commandcenter.cli.session import Cli


@dataclass(frozen=True, slots=True)
class Results:
    sarif_file: Path | None
    fail_on: sarif.FailOn | None

    def finish(self, cli: Cli, run_id: str, code: ExitCode) -> ExitCode:
        """Write the file and return the exit code, 1 when findings reach the threshold.

        A failed run's findings are written as well: they may be why it failed.
        """
        if self.sarif_file is None and self.fail_on is None:
            return code
        run = get_run(cli.client, run_id)
        if not is_over(run):
            return code
        document = sarif.collect(cli.client, run)
        if self.sarif_file is not None:
            sarif.write(document, self.sarif_file)
            count = sum(len(part.get("results") or ()) for part in document["runs"])
            words = "1 finding is" if count == 1 else f"{count} findings are"
            cli.note(f"{words} in {self.sarif_file}.")
        if self.fail_on is None or code is not ExitCode.OK:
            return code
        grave = sarif.failing(document, self.fail_on)
        if grave == 0:
            return code
        words = f"{grave} finding{'' if grave == 1 else 's'} at {self.fail_on.value} or above"
        cli.err.print(Text(f"{words}: --fail-on makes this exit code 1.", "bold red"))
        return ExitCode.FAILED
