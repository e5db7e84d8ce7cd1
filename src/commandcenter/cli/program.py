"""The program `commandcenter`: the table of its commands, and how every call ends."""

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from commandcenter import __version__
from commandcenter.cli.command import Entry, InterruptedByUserError, Root, default
from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.session import Cli
from commandcenter.kit.errors import ProblemError

_RUN = "Runs"
_SET_UP = "What runs can use"
_HUB = "The hub"
_PACKAGE = "commandcenter.cli"

ENTRIES = (
    Entry("run", f"{_PACKAGE}.run", "Start a workflow and follow it.", _RUN),
    Entry("runs", f"{_PACKAGE}.runs", "List, show, follow, cancel, run again; logs.", _RUN),
    Entry("approvals", f"{_PACKAGE}.approvals", "What waits for a decision.", _RUN),
    Entry("approve", f"{_PACKAGE}.approve", "Approve what a run is about to do.", _RUN),
    Entry("reject", f"{_PACKAGE}.reject", "Reject what a run is about to do.", _RUN),
    Entry("project", f"{_PACKAGE}.project", "The folders that workflows work on.", _SET_UP),
    Entry("workflows", f"{_PACKAGE}.workflows", "Definitions: list, add, validate.", _SET_UP),
    Entry("agents", f"{_PACKAGE}.agents", "Programs that do the steps.", _SET_UP),
    Entry("secrets", f"{_PACKAGE}.secrets", "Values for agents; they never come out.", _SET_UP),
    Entry("up", f"{_PACKAGE}.up", "Start the hub.", _HUB),
    Entry("worker", f"{_PACKAGE}.worker", "Execute runs beside a hub, on PostgreSQL.", _HUB),
    Entry("doctor", f"{_PACKAGE}.doctor", "What this machine can do, what is missing.", _HUB),
    Entry("login-link", f"{_PACKAGE}.login_link", "A link that signs a browser in, once.", _HUB),
    Entry("login", f"{_PACKAGE}.login_link", "The same as login-link.", _HUB, hidden=True),
    Entry("principals", f"{_PACKAGE}.principals", "People and services, their roles.", _HUB),
    Entry("tokens", f"{_PACKAGE}.tokens", "What programs sign in with.", _HUB),
    Entry("events", f"{_PACKAGE}.events", "Everything that happens.", _HUB),
    Entry("audit", f"{_PACKAGE}.audit", "Who did what.", _HUB),
    Entry("version", f"{_PACKAGE}.version", "The versions of this program and of the hub.", _HUB),
)


def build() -> Root:
    """Return the whole command; nothing of it but the top level is imported."""
    app = typer.Typer(
        cls=Root,
        help="Durable workflows of sandboxed agents, with a human approving what is risky.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @default(app)
    def top(
        _cli: Cli,
        *,
        _version: Annotated[
            bool,
            typer.Option(
                "--version", is_eager=True, callback=_show_version, help="Print it and end."
            ),
        ] = False,
    ) -> None:
        """Durable workflows of sandboxed agents, with a human approving what is risky."""

    root: Any = get_command(app)
    root.entries = {entry.name: entry for entry in ENTRIES}
    root.name = "commandcenter"
    return root  # type: ignore[no-any-return]  # Typer's own types are private


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # called by Typer
    if wanted:
        typer.echo(f"commandcenter {__version__}")
        raise typer.Exit


def run() -> NoReturn:
    """Exit with a code of `exit_codes`, or raise `KeyboardInterrupt`."""
    as_json = "--json" in sys.argv
    try:
        # On its own Typer prints an error of usage as text; else it raises, and returns codes.
        code = build().main(prog_name="commandcenter", standalone_mode=not as_json)
        sys.exit(code if isinstance(code, int) else 0)
    except TyperException as error:
        from commandcenter.cli.show_problem import show_problem  # noqa: PLC0415  # loads Rich

        sys.exit(int(show_problem(UsageProblemError(error.format_message()), as_json=as_json)))
    except (ProblemError, HubProblemError) as error:
        from commandcenter.cli.show_problem import show_problem  # noqa: PLC0415  # loads Rich

        sys.exit(int(show_problem(error, as_json=as_json)))
    except typer.Abort:
        sys.exit(int(ExitCode.FAILED))
    except InterruptedByUserError:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        # Whoever read the output has had enough; the interpreter's own flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("COMMANDCENTER_DEBUG"):
            raise
        from commandcenter.cli.show_problem import (  # noqa: PLC0415  # loads Rich
            show_problem,
            show_unexpected,
        )
        from commandcenter.kit.disk import disk_full  # noqa: PLC0415  # loads SQLite

        full = disk_full(error)
        if full is not None:
            full.hint = "Free space there, then try again."
            sys.exit(int(show_problem(full, as_json=as_json)))
        sys.exit(int(show_unexpected(error)))
