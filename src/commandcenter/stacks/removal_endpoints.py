"""What the stack of a project keeps, and deleting it."""

from typing import Annotated

from fastapi import APIRouter, Depends, status
from pydantic import BaseModel, ConfigDict

from commandcenter.auth.caller import require
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Permission
from commandcenter.kit.injection import provide
from commandcenter.stacks.removal import StackRemoval

router = APIRouter(tags=["stacks"])

Service = Annotated[StackRemoval, Depends(provide(StackRemoval))]
Reader = Annotated[Caller, Depends(require(Permission.STACKS_READ))]
# And `stacks:run`, which the service asks for.
Writer = Annotated[Caller, Depends(require(Permission.PROJECTS_WRITE))]


class VolumeView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    place: str  # its directory on the hub's machine, or which runtime has it
    size_bytes: int | None  # null: it could not be found out


class DataView(BaseModel):
    volumes: list[VolumeView]


@router.get("/projects/{project}/data")
async def stack_data(project: str, _caller: Reader, removal: Service) -> DataView:
    """Return the volumes of the project's stack. They stay when the project is removed."""
    found = await removal.data(project)
    return DataView(volumes=[VolumeView.model_validate(each) for each in found])


@router.delete("/projects/{project}/data", status_code=status.HTTP_204_NO_CONTENT)
async def delete_stack_data(project: str, caller: Writer, removal: Service) -> None:
    """Delete volumes, logs and secrets of a stack that is stopped. There is no way back."""
    await removal.delete_data(caller, project)
