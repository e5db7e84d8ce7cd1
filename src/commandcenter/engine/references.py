"""What templates and conditions refer to, against what there is: at parse time, with places."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from commandcenter.engine.checking import Check, joined
from commandcenter.engine.conditions import ConditionSyntaxError, compile_condition
from commandcenter.engine.context import NODE_FIELDS, ROOTS, RUN_FIELDS, TRIGGER_FIELDS
from commandcenter.engine.definition import InputSpec, NodeDefinition
from commandcenter.engine.issues import quoted
from commandcenter.engine.mustache import TemplateSyntaxError
from commandcenter.engine.source import Node, strings
from commandcenter.engine.templates import template_names

_OTHER_ROOTS = [(root,) for root in ROOTS if root != "trigger"]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What can be referred to from one place."""

    inputs: Mapping[str, InputSpec]
    visible: Collection[str]  # nodes that have ended before this place is reached
    nodes: Collection[str]  # every node of the workflow
    place: str  # the node, or "" for the workflow's outputs


def check_node_references(
    nodes: Sequence[NodeDefinition],
    places: Mapping[str, Node],
    inputs: Mapping[str, InputSpec],
    check: Check,
) -> None:
    """Check `with` and `when` of every node."""
    names = {node.name for node in nodes}
    upstream = _Upstream({node.name: [n for n in node.needs if n in names] for node in nodes})
    for node in nodes:
        members = places[node.name].value
        if not isinstance(members, dict) or not ("with" in members or node.when):
            continue
        scope = _Scope(inputs, upstream.of(node.name), names, node.name)
        if "with" in members:
            _check_tree(members["with"], f"nodes.{node.name}.with", scope, check)
        if node.when is not None:
            _check_condition(node.when, members["when"], f"nodes.{node.name}.when", scope, check)


def check_outputs(
    tree: Node, nodes: Sequence[str], inputs: Mapping[str, InputSpec], check: Check
) -> None:
    """Check the workflow's own outputs, which see every node."""
    _check_tree(tree, "outputs", _Scope(inputs, set(nodes), set(nodes), ""), check)


def check_trigger_inputs(
    tree: Node, path: str, inputs: Mapping[str, InputSpec], check: Check
) -> None:
    """Check what a trigger hands over: declared inputs, from templates over `trigger` alone."""
    for name in tree.value:
        for problem in _name_problems(("inputs", name), _Scope(inputs, (), (), ""), check):
            check.add(f"{path}.{name[:100]}", (tree.keys or {}).get(name, tree), *problem)
    for place, node in strings(tree, path):
        try:
            names = template_names(node.value)
        except TemplateSyntaxError as error:
            check.add(place, node, f"{error}, at character {error.offset + 1}")
            continue
        for tag in names:
            rooted = bool(tag.parts) and tag.parts[0] == "trigger"
            if not rooted and (tag.section_depth == 0 or tag.parts[:1] in _OTHER_ROOTS):
                check.add(place, node, "the templates of a trigger can only refer to trigger")
                break
            if rooted:
                _check_name(tag.parts, place, node, _Scope(inputs, (), (), ""), check)


def _check_tree(tree: Node, path: str, scope: _Scope, check: Check) -> None:
    for place, node in strings(tree, path):
        try:
            names = template_names(node.value)
        except TemplateSyntaxError as error:
            check.add(place, node, f"{error}, at character {error.offset + 1}")
            continue
        for name in dict.fromkeys((tag.parts, tag.section_depth > 0) for tag in names):
            parts, in_section = name
            if not parts:
                if not in_section:
                    check.add(place, node, "{{.}} means the item of a section, but there is none")
            elif parts[0] in ROOTS:
                _check_name(parts, place, node, scope, check)
            elif not in_section:
                check.add(
                    place,
                    node,
                    f"there is no name {quoted('.'.join(parts))}",
                    check.guess(parts[0], ROOTS)
                    or _rooted(parts[0], scope)
                    or "names start with " + ", ".join(ROOTS),
                )


def _rooted(name: str, scope: _Scope) -> str | None:
    if name in scope.inputs:
        return f"write inputs.{name}"
    return f"write nodes.{name}.outputs" if name in scope.nodes else None


def _check_condition(text: str, node: Node, path: str, scope: _Scope, check: Check) -> None:
    try:
        condition = compile_condition(text)
    except ConditionSyntaxError as error:
        check.add(path, node, f"{error}, at character {error.offset + 1}", error.hint)
        return
    for parts in dict.fromkeys(use.parts for use in condition.names):
        _check_name(parts, path, node, scope, check)


def _check_name(parts: tuple[str, ...], path: str, node: Node, scope: _Scope, check: Check) -> None:
    for message, hint in _name_problems(parts, scope, check):
        check.add(path, node, message, hint)


def _name_problems(
    parts: tuple[str, ...], scope: _Scope, check: Check
) -> Iterator[tuple[str, str | None]]:
    if len(parts) == 1:
        return
    root, name = parts[:2]
    if root == "inputs":
        if name not in scope.inputs:
            declared = f"declared: {joined(scope.inputs)}" if scope.inputs else "none is declared"
            yield (
                f"there is no input {quoted(name)}",
                check.guess(name, scope.inputs) or declared,
            )
    elif root == "nodes":
        yield from _node_problems(parts, scope, check)
    else:
        known = RUN_FIELDS if root == "run" else TRIGGER_FIELDS
        if name not in known:
            yield (
                f"{root} has no {quoted(name)}",
                check.guess(name, known) or "it has " + ", ".join(known),
            )


def _node_problems(
    parts: tuple[str, ...], scope: _Scope, check: Check
) -> Iterator[tuple[str, str | None]]:
    name = parts[1]
    if name not in scope.nodes:
        near = check.guess(name, scope.visible) or check.guess(name, scope.nodes)
        yield f"there is no node {quoted(name)}", near
        return
    if name == scope.place:
        yield f"{quoted(name)} refers to itself, which has not run yet", None
    elif name not in scope.visible:
        yield (
            f"{quoted(name)} need not have run yet when {quoted(scope.place)} starts",
            f"add it to needs: [{name}]",
        )
    if len(parts) > 2 and parts[2] not in NODE_FIELDS:  # noqa: PLR2004 - nodes.NAME.field
        yield (
            f"a node has no {quoted(parts[2])}",
            check.guess(parts[2], NODE_FIELDS) or f"write nodes.{name}.outputs.{parts[2][:100]}",
        )


class _Upstream:
    """Everything a node needs; usable while the graph may still have cycles."""

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self._needs = needs

    def of(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self._needs[name])
        while waiting:
            need = waiting.pop()
            if need not in found:
                found.add(need)
                waiting.extend(self._needs[need])
        return found
