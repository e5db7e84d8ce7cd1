"""A definition as a document again: what an editor shows, and what `parse_workflow` accepts."""

from typing import Any

from commandcenter.engine.definition import (
    DEFAULT_APPROVAL_TIMEOUT_SECONDS,
    DEFAULT_RUN_TIMEOUT_SECONDS,
    ApprovalGate,
    InputSpec,
    InputType,
    NodeDefinition,
    RetryPolicy,
    RunIf,
    WorkflowDefinition,
)


def as_document(definition: WorkflowDefinition) -> dict[str, Any]:
    """Return the JSON document, defaults left out; parsing it gives an equal definition."""
    document: dict[str, Any] = {"name": definition.name}
    if definition.description is not None:
        document["description"] = definition.description
    if definition.inputs:
        document["inputs"] = {name: _input(spec) for name, spec in definition.inputs.items()}
    if definition.triggers:
        document["triggers"] = [
            {trigger.kind: dict(trigger.settings)} for trigger in definition.triggers
        ]
    document["nodes"] = {node.name: _node(node) for node in definition.nodes}
    if definition.timeout_seconds != DEFAULT_RUN_TIMEOUT_SECONDS:
        document["timeout"] = _seconds(definition.timeout_seconds)
    if definition.outputs:
        document["outputs"] = dict(definition.outputs)
    return document


def _seconds(value: float) -> float:
    """Return a whole number of seconds as an int: 60, not 60.0."""
    return int(value) if value.is_integer() else value


def _input(spec: InputSpec) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if spec.type is not InputType.STRING:
        document["type"] = spec.type.value
    if spec.format is not None:
        document["format"] = spec.format
    if spec.default is not None:
        document["default"] = spec.default
    if spec.required != (spec.default is None):
        document["required"] = spec.required
    if spec.enum:
        document["enum"] = list(spec.enum)
    if spec.description is not None:
        document["description"] = spec.description
    return document


def _node(node: NodeDefinition) -> dict[str, Any]:
    version = f"@{node.agent_version}" if node.agent_version else ""
    document: dict[str, Any] = {"agent": node.agent + version}
    if node.needs:
        document["needs"] = list(node.needs)
    if node.with_:
        document["with"] = dict(node.with_)
    if node.when is not None:
        document["when"] = node.when
    if node.run_if is not RunIf.SUCCESS:
        document["run_if"] = node.run_if.value
    if node.retry != RetryPolicy():
        document["retry"] = _retry(node.retry)
    if node.timeout_seconds is not None:
        document["timeout"] = _seconds(node.timeout_seconds)
    if node.approval is not None:
        document["approval"] = _approval(node.approval)
    if node.description is not None:
        document["description"] = node.description
    return document


def _retry(policy: RetryPolicy) -> dict[str, Any]:
    default = RetryPolicy()
    document: dict[str, Any] = {"max": policy.max}
    if policy.backoff_seconds != default.backoff_seconds:
        document["backoff"] = _seconds(policy.backoff_seconds)
    if policy.backoff_factor != default.backoff_factor:
        document["backoff_factor"] = policy.backoff_factor
    if policy.backoff_max_seconds != max(default.backoff_max_seconds, policy.backoff_seconds):
        document["backoff_max"] = _seconds(policy.backoff_max_seconds)
    if policy.jitter != default.jitter:
        document["jitter"] = policy.jitter
    return document


def _approval(gate: ApprovalGate) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if gate.groups:
        document["groups"] = list(gate.groups)
    if gate.quorum != 1:
        document["quorum"] = gate.quorum
    if gate.timeout_seconds != DEFAULT_APPROVAL_TIMEOUT_SECONDS:
        document["timeout"] = _seconds(gate.timeout_seconds)
    if not gate.allow_self:
        document["allow_self"] = False
    return document
