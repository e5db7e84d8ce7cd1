"""The caller of an endpoint, and the one way for an endpoint to ask who calls.

caller: Annotated[Caller, Depends(require(Permission.RUNS_START))]
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.errors import PermissionMissingError
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import ROLE_PERMISSIONS, Permission, Role
from commandcenter.kit.injection import provide

__all__ = ["Caller", "Require", "require"]


@dataclass(frozen=True, slots=True)
class Require:
    """A FastAPI dependency: the caller, once known to have `permission`; HTTP and WebSocket."""

    permission: Permission

    async def __call__(self, connection: HTTPConnection) -> Caller:
        authenticator = provide(Authenticator)(connection)
        caller = await authenticator.authenticate(connection)
        need(caller, self.permission)
        return caller


def require(permission: Permission) -> Require:
    return Require(permission)


def need(caller: Caller, permission: Permission) -> None:
    """Raise `PermissionMissingError`: for a route that takes more than the one it asks for."""
    if not caller.may(permission):
        raise PermissionMissingError(
            f"{caller.name} is {caller.role.value} and lacks {permission.value}.",
            hint=f"Roles with this permission: {_roles_with(permission)}. "
            "An admin can change yours.",
            fields={"permission": permission.value},
        )


def _roles_with(permission: Permission) -> str:
    return ", ".join(role.value for role in Role if permission in ROLE_PERMISSIONS[role])
