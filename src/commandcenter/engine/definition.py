"""A workflow definition after it was checked: immutable, typed, free of its text format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_RUN_TIMEOUT_SECONDS = 7 * 24 * 3600.0
DEFAULT_APPROVAL_TIMEOUT_SECONDS = 24 * 3600.0
MAX_DURATION_SECONDS = 366 * 24 * 3600.0
MAX_NODES = 1_000


class InputType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"


class RunIf(StrEnum):
    """What the states of a node's needs must be for the node to run."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One declared input. An optional input that is not given and has no default is null."""

    name: str
    type: InputType = InputType.STRING
    format: str | None = None
    required: bool = True
    default: Any = None  # None: no default
    enum: tuple[Any, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """What starts a run by itself. `settings` is data for the kind's own code."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed node is tried again. `max` counts the attempts beyond the first."""

    max: int = 0
    backoff_seconds: float = 1.0
    backoff_factor: float = 2.0
    backoff_max_seconds: float = 300.0
    jitter: bool = True


@dataclass(frozen=True, slots=True)
class ApprovalGate:
    """Who must agree before the node starts. The only answer to a time-out is to reject."""

    groups: tuple[str, ...] = ()  # empty: anyone with the right to approve
    quorum: int = 1
    timeout_seconds: float = DEFAULT_APPROVAL_TIMEOUT_SECONDS
    on_timeout: str = "reject"
    allow_self: bool = True


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    """One vertex: which agent runs, on what, after what, and under which conditions."""

    name: str
    agent: str
    agent_version: str | None = None  # None: the newest at the time of the run
    needs: tuple[str, ...] = ()
    with_: Mapping[str, Any] = field(default_factory=dict)  # a JSON tree; strings are templates
    when: str | None = None
    run_if: RunIf = RunIf.SUCCESS
    retry: RetryPolicy = RetryPolicy()
    timeout_seconds: float | None = None  # None: the agent's own
    approval: ApprovalGate | None = None  # None: only if the agent's risk asks for one
    description: str | None = None


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    name: str
    nodes: tuple[NodeDefinition, ...]  # in the order of declaration
    description: str | None = None
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    triggers: tuple[TriggerDefinition, ...] = ()
    timeout_seconds: float = DEFAULT_RUN_TIMEOUT_SECONDS  # of the whole run, waiting included
    outputs: Mapping[str, Any] = field(default_factory=dict)  # a JSON tree; strings are templates

    def node(self, name: str) -> NodeDefinition:
        """Return the node of that name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
