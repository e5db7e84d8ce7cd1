"""An error, for people: what happened, why, what to do next. As JSON for programs."""

import sys
from typing import Any

from rich.text import Text

from commandcenter.cli.exit_codes import ExitCode
from commandcenter.cli.problems import HubProblemError, describe
from commandcenter.cli.terminal import clean, console, print_json
from commandcenter.kit.errors import ProblemError

_MAX_ERRORS = 20
_KINDS = {"unsafe": "refused as unsafe: ", "unsupported": "not supported: "}


def show_problem(error: ProblemError | HubProblemError, *, as_json: bool) -> ExitCode:
    """Write the problem to stderr and return the exit code."""
    document, code = describe(error)
    if as_json:
        print_json({**document, "exit_code": int(code)}, sys.stderr)
        return code
    target = console(sys.stderr)
    for line in problem_lines(document):
        target.print(line)
    if isinstance(error, HubProblemError) and error.version_note:
        target.print(Text(f"  Note: {clean(error.version_note)}", "yellow"))
    return code


def show_unexpected(error: Exception) -> ExitCode:
    """Write what is known of an error of this program's own; its stack only when asked for."""
    name = type(error).__name__
    target = console(sys.stderr)
    target.print(Text.assemble(("Error: ", "bold red"), ("This should not have happened", "bold")))
    words = clean(error)
    target.print(Text(f"  {name}: {words}" if words else f"  {name}"))
    target.print(
        Text.assemble(("  Next: ", "bold"), "COMMANDCENTER_DEBUG=1 shows where; please report it.")
    )
    return ExitCode.FAILED


def problem_lines(document: dict[str, Any]) -> list[Text]:
    """Return the lines: title, reason, single errors, hint."""
    title = clean(document.get("title") or "Something went wrong")
    lines = [Text.assemble(("Error: ", "bold red"), (title, "bold"))]
    fields = document.get("fields") or {}
    problems = fields.get("problems") or []
    errors = fields.get("errors") or fields.get("issues") or problems
    shown = len(errors) if problems else _MAX_ERRORS  # of problems nothing is left out
    detail = _untold(clean(document.get("detail") or ""), errors)
    if detail:
        lines.append(Text(f"  {detail}"))
    if len(errors) > 1:
        lines += [Text(f"    {_error(item)}") for item in errors[:shown]]
        if len(errors) > shown:
            lines.append(Text(f"    and {len(errors) - shown} more", "dim"))
    hint = document.get("hint")
    if hint:
        lines.append(Text.assemble(("  Next: ", "bold"), clean(hint)))
    return lines


def _untold(detail: str, errors: list[Any]) -> str:
    """Return the detail without the problems that are listed one by one below it."""
    if len(errors) < 2:  # noqa: PLR2004  # one alone is not listed
        return detail
    subject, problems, _ = detail.partition(" problems: ")
    if problems:
        return f"{subject} problems:"
    first = errors[0]
    told = clean(first.get("detail") or "") if isinstance(first, dict) else ""
    if told and detail.startswith(told):
        return ""
    return "" if detail.startswith(f"{_error(first)} (and ") else detail


def problem_words(problem: dict[str, Any]) -> str:
    """Return one of a stack's problems in words: of a file, or of a service."""
    if "file" not in problem:
        return f"{clean(problem['service'])}: {clean(problem['detail'])}"
    hint = f" ({clean(problem['hint'])})" if problem["hint"] else ""
    line = f":{problem['line']}" if problem["line"] else ""
    path = f"{clean(problem['path'])}: " if problem["path"] else ""
    kind = _KINDS.get(problem["kind"], "")
    return f"{clean(problem['file'])}{line}: {kind}{path}{clean(problem['message'])}{hint}"


def _error(item: Any) -> str:
    if not isinstance(item, dict):
        return clean(item)
    if "file" in item or "service" in item:
        return problem_words(item)
    place = clean(item.get("path") or "")
    if item.get("line"):
        place = f"line {item['line']}:{item.get('column') or 1} {place}".rstrip()
    words = clean(item.get("message") or "")
    hint = f" ({clean(item['hint'])})" if item.get("hint") else ""
    return f"{place}: {words}{hint}" if place else f"{words}{hint}"
