"""From a pinned agent and resolved inputs to what the runtime is asked to start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from commandcenter.agents.manifest import AgentManifest, SecretDelivery
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Workspace, WorkspaceAccess

WORKSPACE_PATH = "/workspace"
PROJECT_FORMAT = "project"


@dataclass(frozen=True, slots=True)
class SpecSources:
    """What the hub looked up for the attempt: verified folder, project, granted secrets."""

    agent_directory: Path
    python_path: tuple[Path, ...]
    project_path: Path | None
    secrets: Mapping[str, str]


def project_inputs(manifest: AgentManifest) -> list[str]:
    """Return the names of the agent's inputs that stand for a project."""
    properties: Mapping[str, Any] = manifest.inputs.get("properties", {})
    return [name for name, schema in properties.items() if schema.get("format") == PROJECT_FORMAT]


def sandbox_inputs(
    manifest: AgentManifest, inputs: Mapping[str, Any], *, has_workspace: bool
) -> dict[str, Any]:
    """Return the inputs as the agent sees them: a project becomes the path of the workspace."""
    seen = dict(inputs)
    if has_workspace:
        for name in project_inputs(manifest):
            if name in seen:
                seen[name] = WORKSPACE_PATH
    return seen


def build_spec(
    *,
    attempt_id: str,
    manifest: AgentManifest,
    inputs: Mapping[str, Any],
    timeout_seconds: float,
    sources: SpecSources,
) -> AttemptSpec:
    workspace = None
    if manifest.workspace is not WorkspaceAccess.NONE and sources.project_path is not None:
        workspace = Workspace(path=sources.project_path, access=manifest.workspace)
    files: dict[str, str] = {}
    variables: dict[str, str] = {}
    for wanted in manifest.secrets:
        value = sources.secrets[wanted.name]
        target = files if wanted.delivery is SecretDelivery.FILE else variables
        target[wanted.name] = value
    return AttemptSpec(
        attempt_id=attempt_id,
        kind=AttemptKind.JOB,
        command=manifest.command,
        agent_directory=sources.agent_directory,
        input_json=to_json(sandbox_inputs(manifest, inputs, has_workspace=workspace is not None)),
        workspace=workspace,
        limits=manifest.runtime_limits(),
        timeout_seconds=timeout_seconds,
        grace_seconds=manifest.grace_seconds,
        environment=dict(manifest.environment),
        network=manifest.network_policy(),
        secret_files=files,
        secret_environment=variables,
        python_path=sources.python_path,
        warm=manifest.warm,
        redact=tuple(sources.secrets.values()),
    )
