"""`commandcenter doctor`: what this machine can do for the hub, and what to do about the rest."""

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.doctor_checks import check_machine
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, speaks_unicode
from commandcenter.runtimes.sandbox.doctor import Check, Severity

app = noun("What this machine can do, and what is to be done.")


@command(app, "doctor", examples=["doctor", "doctor --json"])
def doctor(cli: Cli) -> ExitCode:
    """Check what the hub needs here: sandbox, git, data, disk, database, port, versions.

    Changes nothing. Exit code 1 when something essential is missing.
    """
    checks = check_machine(cli)
    is_fatal = any(_is_fatal(check) for check in checks)
    cli.emit(
        [asdict(check) for check in checks], lambda: show_checks(cli, checks, is_fatal=is_fatal)
    )
    return ExitCode.FAILED if is_fatal else ExitCode.OK


def show_checks(cli: Cli, checks: list[Check], *, is_fatal: bool) -> None:
    """Print what was found; remedies are written for the hub in use."""
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        words = Text(clean(check.detail))
        if check.remedy and (not check.ok or check.severity is not Severity.INFO):
            remedy = clean(cli.pasteable(check.remedy))
            words.append(f"\n→ {remedy}", "yellow" if check.ok else "bold")
        table.add_row(_mark(check, unicode=speaks_unicode(cli.out)), Text(check.name), words)
    cli.out.print(table)
    if is_fatal:
        cli.out.print(Text("\nSomething essential is missing: see the lines marked fatal.", "red"))
    else:
        cli.out.print(Text("\nNothing essential is missing.", "green"))


def _mark(check: Check, *, unicode: bool) -> Text:
    if _is_fatal(check):
        return Text("✘ fatal" if unicode else "x fatal", "bold red")
    if not check.ok or check.severity is Severity.WARNING:
        return Text("! note", "yellow")
    return Text("✔ ok" if unicode else "+ ok", "green")


def _is_fatal(check: Check) -> bool:
    return not check.ok and check.severity is Severity.FATAL
