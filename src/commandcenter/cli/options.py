"""Options that several commands share."""

import re
from typing import Annotated

import typer

from commandcenter.cli.problems import UsageProblemError
from commandcenter.projects.naming import NAME_PATTERN, name_from_folder

Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, the beginning of it, or 'latest'.")
]
ApprovalId = Annotated[
    str,
    typer.Argument(metavar="APPROVAL", help="An approval's id, the beginning of it, or 'latest'."),
]
Comment = Annotated[
    str, typer.Option("--comment", "-m", help="Kept with the answer, for everybody to read.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0.1, metavar="SECONDS", help="Wait no longer; the run itself goes on."
    ),
]
UntilApproval = Annotated[
    bool,
    typer.Option("--until-approval", help="End with exit code 3 where the run waits for people."),
]
Tail = Annotated[int, typer.Option("--tail", "-n", min=1, max=10_000, help="The last lines.")]
Grep = Annotated[str | None, typer.Option("--grep", help="Lines with this text.")]
Regex = Annotated[bool, typer.Option("--regex", help="Take --grep for a regular expression (RE2).")]


def project_name(option: str, value: str) -> str:
    """Return the value of an option that gives a project its name, if it can be one."""
    if re.fullmatch(NAME_PATTERN, value) is None:
        raise UsageProblemError(
            f"{option} {value}: a name has lower-case letters, digits and dashes, at most 63.",
            hint=f"Such as: {option} {name_from_folder(value)}",
        )
    return value
