from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from commandcenter.auth.permissions import Permission, Role
from commandcenter.kit.worded import Worded

Name = Annotated[
    str,
    Worded(
        r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$",
        "A name has letters, digits, dots, hyphens, underscores and @, begins with a letter or a "
        "digit, and is at most 64 characters long.",
    ),
]
Groups = Annotated[list[Name], Field(max_length=50)]


class Me(BaseModel):
    id: str
    name: str
    role: Role
    groups: list[str]
    permissions: list[Permission]


class PrincipalIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    kind: Literal["user", "service"] = "user"
    role: Role
    groups: Groups = []


class PrincipalPatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    groups: Groups | None = None
    disabled: bool | None = None


class PrincipalOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    kind: str
    role: Role
    groups: list[str]
    created_at: datetime
    disabled_at: datetime | None


class TokenIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=128)]
    expires_at: AwareDatetime | None = None


class TokenOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreatedToken(TokenOut):
    token: Annotated[str, Field(description="The only time the value is shown; keep it.")]


class LoginLink(BaseModel):
    url: str
    expires_at: datetime


class AuditOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    principal_id: str
    principal_name: str
    action: str
    subject: str
    data: dict[str, object]
    previous_hash: str
    hash: str


class AuditVerification(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    entries: int
    last_hash: str
    broken_id: int | None
    checked_at: datetime
