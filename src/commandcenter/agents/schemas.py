from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from commandcenter.agents.service import Registered
from commandcenter.models import Agent


class AgentRegister(BaseModel):
    """`folder` is an absolute path on the hub's machine that holds an agent.yaml."""

    model_config = ConfigDict(extra="forbid")

    folder: Annotated[str, Field(min_length=1, max_length=4096)]


class AgentSummary(BaseModel):
    id: str
    name: str
    version: str
    revision: int
    digest: str
    description: str
    type: str
    risk: str
    capabilities: list[str]
    registered_at: datetime
    registered_by: str
    retired_at: datetime | None

    @classmethod
    def of(cls, agent: Agent) -> "AgentSummary":
        return cls(**_summary(agent))


class AgentDetail(AgentSummary):
    """`manifest` is agent.yaml as JSON, with every default filled in."""

    manifest: dict[str, Any]

    @classmethod
    def of(cls, agent: Agent) -> "AgentDetail":
        return cls(**_summary(agent), manifest=agent.manifest)


class AgentRegistered(AgentDetail):
    warnings: list[str]

    @classmethod
    def of_registered(cls, registered: Registered) -> "AgentRegistered":
        return cls(
            **AgentDetail.of(registered.agent).model_dump(), warnings=list(registered.warnings)
        )


def _summary(agent: Agent) -> dict[str, Any]:
    return {
        "id": agent.id,
        "name": agent.name,
        "version": agent.version,
        "revision": agent.revision,
        "digest": agent.digest,
        "description": agent.manifest["description"],
        "type": agent.manifest["type"],
        "risk": agent.manifest["risk"],
        "capabilities": agent.manifest["capabilities"],
        "registered_at": agent.registered_at,
        "registered_by": agent.registered_by,
        "retired_at": agent.retired_at,
    }
