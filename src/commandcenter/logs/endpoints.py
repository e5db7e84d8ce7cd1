from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.segments import Record
from commandcenter.logs.schemas import LogLineView
from commandcenter.logs.service import MAX_LINES, AttemptLog, LogQuery, LogService
from commandcenter.runtimes.results import Stream

router = APIRouter(tags=["logs"])

Service = Annotated[LogService, Depends(provide(LogService))]
Reader = Annotated[Caller, Depends(require(Permission.LOGS_READ))]
AttemptNumber = Annotated[int | None, Query(ge=1, description="The latest if left out.")]
Check = Annotated[bool, Query(description="Of the check made before people were asked.")]

_JSON_LINES = "application/x-ndjson"
_PLAIN = "text/plain"
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


@router.get(
    "/runs/{run_id}/steps/{node}/logs",
    response_class=Response,
    responses={200: {"content": {_JSON_LINES: {}, _PLAIN: {}}}},
)
async def read_logs(
    run_id: str,
    node: str,
    _caller: Reader,
    service: Service,
    *,
    attempt: AttemptNumber = None,
    check: Check = False,
    tail: Annotated[int, Query(ge=1, le=MAX_LINES)] = 100,
    after: Annotated[int | None, Query(ge=0)] = None,
    grep: Annotated[str | None, Query(min_length=1, max_length=1000)] = None,
    regex: bool = False,
    stream: Stream | None = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Read lines of a step's log as JSON lines, or as text with `Accept: text/plain`.

    A step that was checked and never attempted has the log of its latest check.

    The last `tail` lines, or with `after` the first `tail` lines above that number.
    """
    log = await service.open(run_id, node, attempt, check=check)
    query = LogQuery(lines=tail, after=after, grep=grep, regex=regex, stream=stream)
    return lines_answer(await service.read(log, query), log, accept)


def lines_answer(records: list[Record], log: AttemptLog, accept: str) -> Response:
    """Return the lines as text where that is asked for, else as JSON lines."""
    headers = {
        **_SAFE,
        "X-Attempt-Id": log.attempt_id,
        "X-Log-Closed": "true" if log.closed else "false",
        "X-Log-Dropped-Bytes": str(log.reader.dropped_bytes),
        "Vary": "Accept",
    }
    if _PLAIN in accept:
        text = "".join(f"{record.text}\n" for record in records)
        return Response(text, media_type=_PLAIN, headers=headers)
    lines = "".join(LogLineView.of(record).json_line() for record in records)
    return Response(lines, media_type=_JSON_LINES, headers=headers)


@router.get("/runs/{run_id}/steps/{node}/logs/download", response_class=StreamingResponse)
async def download_log(
    run_id: str,
    node: str,
    _caller: Reader,
    service: Service,
    *,
    attempt: AttemptNumber = None,
    check: Check = False,
) -> StreamingResponse:
    """Download the whole log as text: time, stream and text of each line."""
    return whole_log(await service.open(run_id, node, attempt, check=check))


def whole_log(log: AttemptLog) -> StreamingResponse:
    """Return all of a log as a file."""
    name = f"{log.attempt_id}.log"
    return StreamingResponse(
        log.reader.download(),
        media_type=_PLAIN,
        headers={**_SAFE, "Content-Disposition": f'attachment; filename="{name}"'},
    )
