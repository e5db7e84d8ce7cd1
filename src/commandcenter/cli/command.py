"""Registering commands: the global options on each of them, examples in the help, lazy nouns."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from commandcenter.cli.importing import uncollected
from commandcenter.cli.invocation import program
from commandcenter.cli.problems import HubProblemError, UsageProblemError
from commandcenter.cli.session import Cli, GlobalOptions
from commandcenter.kit.errors import ProblemError

CommandT = TypeVar("CommandT", bound=Callable[..., object])

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_GLOBAL = (
    inspect.Parameter(
        "json_",
        _KEYWORD,
        default=False,
        annotation=Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")],
    ),
    inspect.Parameter(
        "url",
        _KEYWORD,
        default=None,
        annotation=Annotated[
            str | None,
            typer.Option(
                "--url", metavar="URL", envvar="COMMANDCENTER_URL", help="The hub's address."
            ),
        ],
    ),
    inspect.Parameter(
        "token_file",
        _KEYWORD,
        default=None,
        annotation=Annotated[
            Path | None,
            typer.Option(
                "--token-file",
                metavar="FILE",
                envvar="COMMANDCENTER_TOKEN_FILE",
                help="The file with the token to sign in with.",
            ),
        ],
    ),
    inspect.Parameter(
        "data_directory",
        _KEYWORD,
        default=None,
        annotation=Annotated[
            Path | None,
            typer.Option(
                "--data-directory",
                metavar="FOLDER",
                envvar="COMMANDCENTER_DATA_DIRECTORY",
                help="The hub's data: address and token are found there.",
            ),
        ],
    ),
)
GLOBAL_NAMES = frozenset(parameter.name for parameter in _GLOBAL)
_CONTEXT = "typer_context"


class Command(TyperCommand):
    """A command whose help keeps the global options apart."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _format_options(self, ctx, formatter)


class Noun(TyperGroup):
    """A group whose help keeps the global options apart."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def noun(summary: str) -> typer.Typer:
    """Return the Typer application of one noun."""
    return typer.Typer(
        cls=Noun,
        help=summary,
        no_args_is_help=False,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def command(
    app: typer.Typer, name: str, *, examples: Sequence[str] = ()
) -> Callable[[CommandT], CommandT]:
    """Register `function(cli, ...)` as a command of a noun."""

    def register(function: CommandT) -> CommandT:
        app.command(name, cls=Command, epilog=_epilog(examples))(_with_globals(function))
        return function

    return register


def default(app: typer.Typer, *, examples: Sequence[str] = ()) -> Callable[[CommandT], CommandT]:
    """Register what a noun does without a verb."""

    def register(function: CommandT) -> CommandT:
        app.callback(invoke_without_command=True, epilog=_epilog(examples))(
            _with_globals(function, is_callback=True)
        )
        return function

    return register


def _with_globals(
    function: Callable[..., object], *, is_callback: bool = False
) -> Callable[..., None]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter(
        _CONTEXT, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )

    def call(**values: Any) -> None:
        ctx: typer.Context = values.pop(_CONTEXT)
        given = GlobalOptions(
            json=values.pop("json_"),
            **{name: values.pop(name) for name in GLOBAL_NAMES - {"json_"}},
        )
        ctx.obj = given.over(ctx.obj) if isinstance(ctx.obj, GlobalOptions) else given
        if is_callback and ctx.invoked_subcommand is not None:
            return
        cli = Cli(ctx.obj)
        _refuse_empty(own, values)
        try:
            code = function(cli, **values)
        except HubProblemError as error:
            error.rewrite_hint(cli.pasteable)
            if error.hints_at_versions:
                error.version_note = cli.version_note()
            raise
        except ProblemError as error:
            error.hint = cli.pasteable(error.hint) if error.hint else None
            raise
        if isinstance(code, int) and code:
            raise typer.Exit(int(code))

    parameters = [context, *own, *_GLOBAL]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Typer
    call.__annotations__ = {item.name: item.annotation for item in parameters}
    call.__doc__ = function.__doc__
    call.__name__ = getattr(function, "__name__", "command")
    return call


def _refuse_empty(own: Sequence[inspect.Parameter], values: dict[str, Any]) -> None:
    """Refuse "" for what a command is about: a shell variable that is not set, most often."""
    for parameter in own:
        given = values.get(parameter.name)
        is_argument = parameter.kind is not _KEYWORD
        if is_argument and isinstance(given, str) and not given.strip():
            raise UsageProblemError(
                f"The argument {parameter.name.rstrip('_').upper()} is empty.",
                hint="Give its value; if it comes from a variable, that variable is not set.",
            )


def _epilog(examples: Sequence[str]) -> str | None:
    if not examples:
        return None
    # \b keeps the lines of the paragraph as they are.
    return "\b\nExamples:\n" + "\n".join(f"  commandcenter {example}" for example in examples)


def _format_options(shown: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Everywhere": []}
    for parameter in shown.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            sections["Arguments"].append(record)
        elif parameter.name in GLOBAL_NAMES:
            sections["Everywhere"].append(record)
        else:
            sections["Options"].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the top level. Its module is imported when it is called, not before."""

    name: str
    module: str
    summary: str
    section: str
    hidden: bool = False


class InterruptedByUserError(BaseException):
    """Ctrl-C in a command that says nothing of its own then; Typer would end in silence."""


class Root(Noun):
    """The top level, from a table of entries."""

    entries: dict[str, Entry]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise InterruptedByUserError from error

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the overridden signature
        return [entry.name for entry in self.entries.values() if not entry.hidden]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # the same
        """Return a stand-in that is enough for help and completion."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else Command(entry.name, help=entry.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Typer suggests names from here.
        self.commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        name, found, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if found is not None and name is not None else None, rest

    def load(self, name: str) -> Any:
        """Import a command."""
        with uncollected():
            module = importlib.import_module(self.entries[name].module)
        loaded = get_command(module.app)
        loaded.name = name
        return loaded

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(len(name) for name in self.list_commands(ctx))
        sections: dict[str, list[tuple[str, str]]] = {}
        for entry in self.entries.values():
            if not entry.hidden:
                row = (entry.name.ljust(width), entry.summary)
                sections.setdefault(entry.section, []).append(row)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # the same
        formatter.write_paragraph()
        formatter.write(f"Help for a command, with examples: {program()} COMMAND --help\n")
