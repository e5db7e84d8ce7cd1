"""One node of a definition."""

import re

from commandcenter.engine.checking import Check
from commandcenter.engine.definition import (
    DEFAULT_APPROVAL_TIMEOUT_SECONDS,
    ApprovalGate,
    NodeDefinition,
    RetryPolicy,
    RunIf,
)
from commandcenter.engine.source import Node, plain

NODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
NODE_NAME_FORM = "use up to 63 letters, digits, dashes and underscores, starting with a letter"
AGENT = re.compile(r"([a-z0-9][a-z0-9._-]{0,99})(?:@([A-Za-z0-9][A-Za-z0-9.+_-]{0,63}))?")
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,99}")
NODE_KEYS = (
    "agent",
    "needs",
    "with",
    "when",
    "run_if",
    "retry",
    "timeout",
    "approval",
    "description",
)
RETRY_KEYS = ("max", "backoff", "backoff_factor", "backoff_max", "jitter")
APPROVAL_KEYS = ("groups", "quorum", "timeout", "on_timeout", "allow_self")
MAX_RETRIES = 100
MAX_FACTOR = 100.0
MAX_QUORUM = 100
MAX_CONDITION = 4_096


def read_node(name: str, node: Node, path: str, check: Check) -> NodeDefinition:
    """Return the node as far as it could be read; what could not is in the issues."""
    members = check.mapping(node, path, NODE_KEYS, required=("agent",)) or {}
    agent, version = _agent(members.get("agent"), f"{path}.agent", check)
    with_node = members.get("with")
    if with_node is not None and check.mapping(with_node, f"{path}.with") is None:
        with_node = None
    return NodeDefinition(
        name=name,
        agent=agent,
        agent_version=version,
        needs=check.strings(members.get("needs"), f"{path}.needs", "node names"),
        with_=plain(with_node) if with_node is not None else {},
        when=check.text(members.get("when"), f"{path}.when", most=MAX_CONDITION),
        run_if=check.choice(members.get("run_if"), f"{path}.run_if", RunIf) or RunIf.SUCCESS,
        retry=_retry(members.get("retry"), f"{path}.retry", check),
        timeout_seconds=check.duration(members.get("timeout"), f"{path}.timeout"),
        approval=_approval(members.get("approval"), f"{path}.approval", check),
        description=check.text(members.get("description"), f"{path}.description"),
    )


def _agent(node: Node | None, path: str, check: Check) -> tuple[str, str | None]:
    text = check.text(node, path)
    if node is None or text is None:
        return "", None
    match = AGENT.fullmatch(text)
    if match is None:
        check.add(
            path, node, f'"{text[:100]}" does not name an agent', "write name or name@version"
        )
        return "", None
    return match[1], match[2]


def _retry(node: Node | None, path: str, check: Check) -> RetryPolicy:
    members = check.mapping(node, path, RETRY_KEYS, required=("max",)) if node else None
    default = RetryPolicy()
    if members is None:
        return default
    most = check.integer(members.get("max"), f"{path}.max", 0, MAX_RETRIES)
    backoff = check.duration(members.get("backoff"), f"{path}.backoff")
    factor = check.number(members.get("backoff_factor"), f"{path}.backoff_factor", 1.0, MAX_FACTOR)
    cap = check.duration(members.get("backoff_max"), f"{path}.backoff_max")
    jitter = check.boolean(members.get("jitter"), f"{path}.jitter")
    first = backoff or default.backoff_seconds
    if cap is not None and cap < first:
        check.add(f"{path}.backoff_max", members["backoff_max"], "must not be less than backoff")
    return RetryPolicy(
        max=most or 0,
        backoff_seconds=first,
        backoff_factor=factor or default.backoff_factor,
        backoff_max_seconds=cap or max(default.backoff_max_seconds, first),
        jitter=default.jitter if jitter is None else jitter,
    )


def _approval(node: Node | None, path: str, check: Check) -> ApprovalGate | None:
    members = check.mapping(node, path, APPROVAL_KEYS) if node else None
    if members is None:
        return None
    groups = check.strings(members.get("groups"), f"{path}.groups", "groups")
    for index, group in enumerate(groups):
        if not GROUP.fullmatch(group):
            check.add(
                f"{path}.groups[{index}]", members["groups"], f'"{group[:100]}" is not a group'
            )
    allow_self = check.boolean(members.get("allow_self"), f"{path}.allow_self")
    answer = members.get("on_timeout")
    if answer is not None and answer.value != "reject":
        approves = answer.value == "approve"
        check.add(
            f"{path}.on_timeout",
            answer,
            "silence is not an approval: on_timeout can only be reject"
            if approves
            else "on_timeout can only be reject",
            "raise the timeout, or leave the gate out" if approves else None,
        )
    return ApprovalGate(
        groups=groups,
        quorum=check.integer(members.get("quorum"), f"{path}.quorum", 1, MAX_QUORUM) or 1,
        timeout_seconds=check.duration(members.get("timeout"), f"{path}.timeout")
        or DEFAULT_APPROVAL_TIMEOUT_SECONDS,
        allow_self=True if allow_self is None else allow_self,
    )
