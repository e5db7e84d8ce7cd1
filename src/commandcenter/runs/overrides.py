"""Inputs of single steps that people set on a rerun, over what the workflow gives them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.agents.service import AgentService
from commandcenter.engine.issues import did_you_mean
from commandcenter.engine.plan import Plan
from commandcenter.runs.errors import RunRequestError

Overrides = Mapping[str, Mapping[str, Any]]
_SHOWN_NAMES = 10


async def merge_overrides(
    session: AsyncSession, agents: AgentService, graph: Plan, inherited: Overrides, given: Overrides
) -> dict[str, dict[str, Any]]:
    """Return what holds for the new run, by node.

    A given value replaces an inherited one; null takes an inherited one back. Inherited names that
    the agent does not take (any more) are left out. Raises `RunRequestError` for a given name that
    the agent does not take.
    """
    merged: dict[str, dict[str, Any]] = {}
    for node in graph.order:
        earlier, now = inherited.get(node, {}), given.get(node, {})
        if not earlier and not now:
            continue
        spec = graph.nodes[node]
        agent = await agents.usable(session, spec.agent, spec.agent_version)
        schema = agents.manifest(agent).inputs
        wanted = {name: value for name, value in earlier.items() if _takes(schema, name)}
        for name, value in now.items():
            if value is None and name in earlier:
                wanted.pop(name, None)
            elif _takes(schema, name):
                wanted[name] = value
            else:
                raise _unknown(node, name, agent.name, schema)
        if wanted:
            merged[node] = wanted
    return merged


def _takes(schema: Mapping[str, Any], name: str) -> bool:
    """Whether the schema has a place for a member of that name."""
    closed = schema.get("additionalProperties") is False
    return not closed or name in schema.get("properties", {}) or "patternProperties" in schema


def _unknown(node: str, name: str, agent: str, schema: Mapping[str, Any]) -> RunRequestError:
    known = list(schema.get("properties", {}))
    shown = ", ".join(known[:_SHOWN_NAMES]) + (", ..." if len(known) > _SHOWN_NAMES else "")
    takes = f"It takes: {shown}." if known else "It takes none."
    near = did_you_mean(name, known)
    return RunRequestError(
        f"The step {node!r} has no input {name[:100]!r}: its agent {agent} has no place for it.",
        hint=f"{near[0].upper()}{near[1:]} {takes}" if near else takes,
    )
