"""What a project's compose file asks for and its runtime refuses, told as the project is added."""

from pathlib import Path

from commandcenter.kit.errors import ProblemError
from commandcenter.models import Project
from commandcenter.stacks.begin import StackBeginnings
from commandcenter.stacks.definition import Outline
from commandcenter.stacks.errors import ServiceUnsupportedError, StackCannotStartError
from commandcenter.stacks.limits import beyond_machine
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.preparer import Preparer


async def foretell(beginnings: StackBeginnings, project: Project) -> list[str]:
    """Return in words which services will not start and why, with line, and the way out.

    Of limits those are told that are above what this machine has.

    What can change without the file, such as packages that are not installed, is left to the
    start. So is a file that is refused, or a folder that is gone: the status tells of those.
    """
    try:
        found = await beginnings.outline(project)
    except ProblemError:
        return []
    beyond = list(beyond_machine(found.own_limits))
    try:
        name = found.wishes.runtime or beginnings.runtimes.usual
        runtime, _ = await beginnings.runtimes.able(name)
    except ProblemError:
        return beyond
    if not isinstance(found, Outline) or found.compose is None:
        return beyond
    place = Place(project.id, Path(project.path), beginnings.options.data_directory, {})
    try:
        await Preparer(found.compose.stack, place, runtime).check()
    except StackCannotStartError as error:
        refused = {
            service: problem
            for service, problem in error.problems.items()
            if isinstance(problem, ServiceUnsupportedError)
        }
        told = [
            f"It will not start on the runtime {name}: {found.compose.places[service]}: "
            f"{problem.detail} {problem.hint or ''}".rstrip()
            for service, problem in refused.items()
        ]
        way_out = await beginnings.runtimes.way_out(refused, project.name)
        return [*beyond, *told, *([way_out] if way_out else [])]
    return beyond
