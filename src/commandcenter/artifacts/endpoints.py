from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse

from commandcenter.artifacts.schemas import ArtifactView
from commandcenter.artifacts.service import ArtifactService, Content
from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.kit.pages import DEFAULT_PAGE, MAX_PAGE, Page

router = APIRouter(tags=["artifacts"])

Service = Annotated[ArtifactService, Depends(provide(ArtifactService))]
Reader = Annotated[Caller, Depends(require(Permission.ARTIFACTS_READ))]


@router.get("/runs/{run_id}/artifacts")
async def list_artifacts(
    run_id: str,
    _caller: Reader,
    service: Service,
    node: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
) -> Page[ArtifactView]:
    """List what a run's steps left, oldest first."""
    found = await service.page(run_id, node=node, after=cursor, limit=limit + 1)
    items = [ArtifactView.model_validate(artifact) for artifact in found[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)


@router.get("/runs/{run_id}/steps/{node}/artifacts/{name:path}", response_class=FileResponse)
async def download_step_artifact(
    run_id: str, node: str, name: str, _caller: Reader, service: Service
) -> FileResponse:
    """Download a step's artifact by its name, from the latest attempt that left one."""
    content = await service.content_by_name(run_id, node, name)
    return _download(content, cache="private, no-cache")


@router.get("/artifacts/{artifact_id}")
async def get_artifact(artifact_id: str, _caller: Reader, service: Service) -> ArtifactView:
    return ArtifactView.model_validate(await service.get(artifact_id))


@router.get("/artifacts/{artifact_id}/content", response_class=FileResponse)
async def download_artifact(artifact_id: str, _caller: Reader, service: Service) -> FileResponse:
    """Download an artifact; ranges are honoured."""
    return _download(await service.content(artifact_id))


def _download(
    content: Content, *, cache: str = "private, max-age=31536000, immutable"
) -> FileResponse:
    artifact = content.artifact
    return FileResponse(
        content.path,
        filename=artifact.name.rsplit("/", 1)[-1],
        media_type=artifact.media_type,
        content_disposition_type="attachment",
        headers={
            # Agents wrote it: no browser may take it for a page of this origin.
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": cache,
            "ETag": f'"{artifact.sha256}"',
        },
    )
