"""From text to a checked definition. Everything wrong is reported at once, with its place."""

import re
from typing import Literal

from commandcenter.engine.checking import Check
from commandcenter.engine.definition import (
    DEFAULT_RUN_TIMEOUT_SECONDS,
    MAX_NODES,
    NodeDefinition,
    WorkflowDefinition,
)
from commandcenter.engine.issues import WorkflowInvalidError
from commandcenter.engine.parse_inputs import read_inputs
from commandcenter.engine.parse_nodes import NODE_NAME, NODE_NAME_FORM, read_node
from commandcenter.engine.parse_triggers import read_triggers
from commandcenter.engine.plan import graph_problems
from commandcenter.engine.references import check_node_references, check_outputs
from commandcenter.engine.source import Node, SourceError, check_text, plain
from commandcenter.engine.source_json import read_json
from commandcenter.engine.source_yaml import read_yaml

Format = Literal["auto", "yaml", "json"]
WORKFLOW_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
WORKFLOW_KEYS = ("name", "description", "inputs", "triggers", "nodes", "timeout", "outputs")
_SUBJECT = "The workflow definition"


def parse_workflow(text: str, *, format: Format = "auto") -> WorkflowDefinition:  # noqa: A002 - the word users know
    """Return the definition; WorkflowInvalidError lists every problem with line and column.

    `auto` takes a text that starts with `{` for JSON if it is JSON, else for YAML, of which it
    may be an inline mapping. The same text always gives the same definition.
    """
    check_text(text)
    root = _read(text, format)
    check = Check()
    definition = _definition(root, check)
    if check.issues or definition is None:
        raise WorkflowInvalidError(_SUBJECT, check.issues)
    return definition


def _read(text: str, text_format: Format) -> Node:
    if text_format not in ("auto", "yaml", "json"):
        raise ValueError(f"format is auto, yaml or json, not {text_format!r}")
    as_json = text_format == "json" or (text_format == "auto" and text.lstrip()[:1] == "{")
    try:
        try:
            return read_json(text) if as_json else read_yaml(text)
        except SourceError:
            if text_format != "auto" or not as_json:
                raise
            return read_yaml(text)
    except SourceError as error:
        raise WorkflowInvalidError(_SUBJECT, [error.issue]) from None


def _definition(root: Node, check: Check) -> WorkflowDefinition | None:
    members = check.mapping(root, "", WORKFLOW_KEYS, required=("name", "nodes"))
    if members is None:
        return None
    name = check.name(
        members.get("name"),
        "name",
        WORKFLOW_NAME,
        "a name for a workflow",
        "use up to 100 of a-z, 0-9, dash, dot and underscore, starting and ending with a letter "
        "or digit",
    )
    inputs = read_inputs(members.get("inputs"), check)
    triggers = read_triggers(members.get("triggers"), inputs, check)
    nodes, places = _nodes(members.get("nodes"), check)
    timeout = check.duration(members.get("timeout"), "timeout")
    _check_graph(nodes, places, check)
    check_node_references(nodes, places, inputs, check)
    outputs_node = members.get("outputs")
    if outputs_node is not None and check.mapping(outputs_node, "outputs") is None:
        outputs_node = None
    if outputs_node is not None:
        check_outputs(outputs_node, [node.name for node in nodes], inputs, check)
    return WorkflowDefinition(
        name=name or "",
        description=check.text(members.get("description"), "description"),
        inputs=inputs,
        triggers=triggers,
        nodes=tuple(nodes),
        timeout_seconds=timeout or DEFAULT_RUN_TIMEOUT_SECONDS,
        outputs=plain(outputs_node) if outputs_node is not None else {},
    )


def _nodes(node: Node | None, check: Check) -> tuple[list[NodeDefinition], dict[str, Node]]:
    """Return the nodes that could be read, and the place of each."""
    if node is None:
        return [], {}
    members = check.mapping(node, "nodes")
    if members is None:
        return [], {}
    if not members:
        check.add("nodes", node, "a workflow needs at least one node")
    if len(members) > MAX_NODES:
        check.add(
            "nodes",
            node,
            f"the workflow has {len(members):,} nodes; the most is {MAX_NODES:,}",
            "let one node's agent go through a list instead of writing a node per item",
        )
        return [], {}
    found: list[NodeDefinition] = []
    places: dict[str, Node] = {}
    for name, child in members.items():
        path = f"nodes.{name[:100]}"
        if not NODE_NAME.fullmatch(name):
            place = (node.keys or {}).get(name, child)
            check.add(path, place, "this is not a name for a node", NODE_NAME_FORM)
        places[name] = child
        found.append(read_node(name, child, path, check))
    return found, places


def _check_graph(nodes: list[NodeDefinition], places: dict[str, Node], check: Check) -> None:
    for problem in graph_problems([(node.name, node.needs) for node in nodes]):
        node = places[problem.node]
        path = f"nodes.{problem.node}"
        needs = node.value.get("needs") if isinstance(node.value, dict) else None
        if needs is not None and problem.need is not None:
            path, node = f"{path}.needs", needs
            wanted = next(n for n in nodes if n.name == problem.node).needs[problem.need]
            for index, item in enumerate(needs.value):
                if item.value == wanted:
                    path, node = f"{path}[{index}]", item
                    break
        check.add(path, node, problem.message, problem.hint)
