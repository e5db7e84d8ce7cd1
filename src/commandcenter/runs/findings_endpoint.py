from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page
from commandcenter.runs.findings import Finding, Level
from commandcenter.runs.findings_list import FindingList

router = APIRouter(tags=["findings"])

List = Annotated[FindingList, Depends(provide(FindingList))]
Reader = Annotated[Caller, Depends(require(Permission.RUNS_READ))]


class FindingView(BaseModel):
    """`level` is for comparing, `severity` the agent's own word; all texts are an agent's."""

    id: str
    level: Level
    severity: str
    message: str
    file: str
    line: int | None
    rule: str
    category: str
    suggestion: str
    project_id: str
    project: str
    run_id: str
    workflow: str
    node: str
    agent: str
    at: datetime  # the end of the run that says so, or its beginning while it runs

    @classmethod
    def of(cls, finding: Finding) -> Self:
        source = finding.source
        return cls(
            id=finding.id,
            level=finding.level,
            severity=finding.severity,
            message=finding.message,
            file=finding.file,
            line=finding.line,
            rule=finding.rule,
            category=finding.category,
            suggestion=finding.suggestion,
            project_id=source.project_id,
            project=source.project,
            run_id=source.run_id,
            workflow=source.workflow,
            node=source.node,
            agent=source.agent,
            at=source.at,
        )


class FindingPageView(Page[FindingView]):
    """`counts` are of all levels, whatever was asked for. `is_cut`: not every result was read."""

    counts: dict[Level, int]
    is_cut: bool


@router.get("/findings")
async def list_findings(
    _caller: Reader,
    findings: List,
    *,
    project_id: Annotated[str | None, Query(max_length=64)] = None,
    level: Level | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> FindingPageView:
    """List what agents found in projects, the gravest first.

    Of each workflow's step only the newest result counts, among the newest 500 runs; what two of
    them say of the same place is listed once.
    """
    page = await findings.page(project_id=project_id, level=level, after=cursor, limit=limit)
    return FindingPageView(
        items=[FindingView.of(each) for each in page.items],
        next_cursor=page.items[-1].id if page.has_more else None,
        counts={each: page.counts.get(each, 0) for each in Level},
        is_cut=page.is_cut,
    )
