"""Who calls, as the rest of the product sees it."""

from dataclasses import dataclass

from commandcenter.auth.permissions import ROLE_PERMISSIONS, Permission, Role


@dataclass(frozen=True, slots=True)
class Caller:
    principal_id: str
    name: str
    role: Role
    groups: tuple[str, ...] = ()
    token_id: str | None = None  # None: the hub itself

    def may(self, permission: Permission) -> bool:
        return permission in ROLE_PERMISSIONS[self.role]


SYSTEM = Caller(principal_id="system", name="system", role=Role.ADMIN)
