"""The logs of a stack's services: the last lines, a search, or as they come."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response, WebSocket
from fastapi.responses import StreamingResponse

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.logs.endpoints import lines_answer, whole_log
from commandcenter.logs.follow_endpoint import send_following
from commandcenter.logs.service import MAX_LINES, LogQuery
from commandcenter.projects.service import ProjectService
from commandcenter.runtimes.results import Stream
from commandcenter.stacks.logs import StackLogs

router = APIRouter(tags=["stacks"])

Logs = Annotated[StackLogs, Depends(provide(StackLogs))]
Projects = Annotated[ProjectService, Depends(provide(ProjectService))]
Reader = Annotated[Caller, Depends(require(Permission.LOGS_READ))]
AttemptNumber = Annotated[int | None, Query(ge=1, description="The latest if left out.")]


@router.get(
    "/projects/{project}/services/{service}/logs",
    response_class=Response,
    responses={200: {"content": {"application/x-ndjson": {}, "text/plain": {}}}},
)
async def read_service_logs(
    project: str,
    service: str,
    _caller: Reader,
    logs: Logs,
    projects: Projects,
    *,
    attempt: AttemptNumber = None,
    tail: Annotated[int, Query(ge=1, le=MAX_LINES)] = 100,
    after: Annotated[int | None, Query(ge=0)] = None,
    grep: Annotated[str | None, Query(min_length=1, max_length=1000)] = None,
    regex: bool = False,
    stream: Stream | None = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Read lines of a service's log as JSON lines, or as text with `Accept: text/plain`.

    The last `tail` lines, or with `after` the first `tail` lines above that number. The log of a
    service that has ended stays.
    """
    log = await logs.open(await projects.get(project), service, attempt)
    query = LogQuery(lines=tail, after=after, grep=grep, regex=regex, stream=stream)
    return lines_answer(await logs.read(log, query), log, accept)


@router.get(
    "/projects/{project}/services/{service}/logs/download", response_class=StreamingResponse
)
async def download_service_log(
    project: str,
    service: str,
    _caller: Reader,
    logs: Logs,
    projects: Projects,
    *,
    attempt: AttemptNumber = None,
) -> StreamingResponse:
    """Download the whole log of a service as text: time, stream and text of each line."""
    return whole_log(await logs.open(await projects.get(project), service, attempt))


@router.websocket("/projects/{project}/services/{service}/logs/follow")
async def follow_service_logs(
    websocket: WebSocket,
    project: str,
    service: str,
    _caller: Reader,
    logs: Logs,
    projects: Projects,
    *,
    attempt: Annotated[int | None, Query(ge=1)] = None,
    after: Annotated[int, Query(ge=0)] = 0,
    tail: Annotated[int | None, Query(ge=1, le=MAX_LINES)] = None,
) -> None:
    """Send lines above `after`, now and as they come, then an `end` message with the attempt.

    With `tail` no more than so many of those that are there already: the last.
    """
    found = await projects.get(project)
    log = await logs.open(found, service, attempt)
    if tail is not None:
        after = max(after, await logs.before_last(log, tail))
    await send_following(websocket, logs.follow(found, service, log, after), log.attempt_id)
