"""A definition against the registry: its agents exist, and take what they are given."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from commandcenter.engine.definition import NodeDefinition, WorkflowDefinition
from commandcenter.engine.issues import Issue, did_you_mean, quoted
from commandcenter.models import Agent
from commandcenter.workflows.places import Places

_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What the registry says about the agents of one definition, by reference."""

    usable: Mapping[str, Agent]  # name, or name@version
    retired: Collection[str]
    names: Collection[str]  # of all usable agents


def agent_reference(node: NodeDefinition) -> str:
    return f"{node.agent}@{node.agent_version}" if node.agent_version else node.agent


def registry_issues(
    definition: WorkflowDefinition, registry: RegistryView, places: Places
) -> list[Issue]:
    """Return all that is wrong, each with its line."""
    return [issue for node in definition.nodes for issue in _node(node, registry, places)]


def _node(node: NodeDefinition, registry: RegistryView, places: Places) -> Iterator[Issue]:
    reference = agent_reference(node)
    agent = registry.usable.get(reference)
    at = ("nodes", node.name)
    if agent is None:
        line, column = places.of((*at, "agent"))
        path = f"nodes.{node.name}.agent"
        if reference in registry.retired:
            hint = "use another one, or register its folder again"
            yield Issue(path, line, column, f"the agent {quoted(reference)} is retired", hint)
            return
        if node.agent in registry.names:
            hint = f"leave the version out, or see: commandcenter agents show {node.agent}"
        else:
            hint = did_you_mean(node.agent, registry.names) or _choices(registry.names)
        yield Issue(path, line, column, f"there is no agent {quoted(reference)}", hint)
        return
    schema: Mapping[str, Any] = agent.manifest["inputs"]
    properties: Mapping[str, Any] = schema.get("properties", {})
    if schema.get("additionalProperties") is False and "patternProperties" not in schema:
        for key in node.with_:
            if key not in properties:
                line, column = places.of_key((*at, "with"), key)
                yield Issue(
                    f"nodes.{node.name}.with.{key[:100]}",
                    line,
                    column,
                    f"the agent {node.agent} has no input {quoted(key)}",
                    did_you_mean(key, properties) or f"its inputs: {_listed(properties)}",
                )
    for key in schema.get("required", ()):
        if key not in node.with_ and not takes_project(properties.get(key)):
            line, column = places.of((*at, "with"))
            yield Issue(
                f"nodes.{node.name}.with",
                line,
                column,
                f"the agent {node.agent} needs the input {quoted(key)}",
                _description(properties.get(key)),
            )


def takes_project(schema: object) -> bool:
    """Whether an input is filled with the run's project where a workflow leaves it out."""
    return isinstance(schema, Mapping) and schema.get("format") == "project"


def _description(schema: object) -> str | None:
    words = schema.get("description") if isinstance(schema, Mapping) else None
    return words if isinstance(words, str) else None


def _choices(names: Collection[str]) -> str:
    return f"there are: {_listed(names)}" if names else "no agent is registered yet"


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN_NAMES} more" if len(shown) > _SHOWN_NAMES else ""
    return ", ".join(shown[:_SHOWN_NAMES]) + more
