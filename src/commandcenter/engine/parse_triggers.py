"""The triggers of a definition: kept as data, their shape checked lightly.

What a trigger gives to the run: `with` holds templates over `trigger` for the workflow's inputs.
"""

import re
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from commandcenter.engine.checking import Check
from commandcenter.engine.definition import InputSpec, TriggerDefinition
from commandcenter.engine.issues import did_you_mean, quoted
from commandcenter.engine.references import check_trigger_inputs
from commandcenter.engine.source import Node, plain

MAX_TRIGGERS = 50
TRIGGER_KEYS = {
    "alertmanager": ("match", "with"),
    "schedule": ("cron", "timezone", "with"),
    "webhook": ("path", "source", "events", "match", "secret", "with"),
    "nats": ("subject", "queue", "match", "with"),
}
WEBHOOK_SOURCES = ("generic", "github")
_CRON_FIELDS = 5
_CRON_ALIASES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_PATH = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_SUBJECT_TOKEN = re.compile(r"[^\s.*>]+|\*")
_MAX_TEXT = 256


def read_triggers(
    node: Node | None, inputs: Mapping[str, InputSpec], check: Check
) -> tuple[TriggerDefinition, ...]:
    """Return the triggers as far as they could be read."""
    if node is None:
        return ()
    found: list[TriggerDefinition] = []
    for index, item in enumerate(check.items(node, "triggers", MAX_TRIGGERS)):
        path = f"triggers[{index}]"
        members = check.mapping(item, path)
        if members is None:
            continue
        if len(members) != 1:
            check.add(
                path,
                item,
                "a trigger is a mapping with one key, its kind",
                'as in - schedule: {cron: "0 3 * * *"}',
            )
            continue
        kind, settings = next(iter(members.items()))
        if kind not in TRIGGER_KEYS:
            place = (item.keys or {}).get(kind, item)
            known = ", ".join(TRIGGER_KEYS)
            check.add(
                f"{path}.{kind[:100]}",
                place,
                f"there is no trigger kind {quoted(kind)}",
                did_you_mean(kind, TRIGGER_KEYS) or f"known: {known}",
            )
            continue
        found.append(_trigger(kind, settings, f"{path}.{kind}", inputs, check))
    return tuple(found)


def _trigger(
    kind: str, node: Node, path: str, inputs: Mapping[str, InputSpec], check: Check
) -> TriggerDefinition:
    if node.value is None:
        node = Node({}, node.line, node.column, {})
    members = check.mapping(node, path, TRIGGER_KEYS[kind])
    if members is None:
        return TriggerDefinition(kind)
    _READERS[kind](members, node, path, check)
    if "match" in members:
        _match(members["match"], f"{path}.match", check)
    if "with" in members and check.mapping(members["with"], f"{path}.with") is not None:
        check_trigger_inputs(members["with"], f"{path}.with", inputs, check)
    return TriggerDefinition(kind, {key: plain(child) for key, child in members.items()})


def _match(node: Node, path: str, check: Check) -> None:
    """Check label -> text, or a list of texts of which one must be equal."""
    for key, child in (check.mapping(node, path) or {}).items():
        place = f"{path}.{key[:100]}"
        if isinstance(child.value, list):
            check.strings(child, place, "values")
        else:
            check.text(child, place, most=_MAX_TEXT)


def _alertmanager(_members: dict[str, Node], _node: Node, _path: str, _check: Check) -> None:
    """Nothing is required: without `match` every alert starts a run."""


def _schedule(members: dict[str, Node], node: Node, path: str, check: Check) -> None:
    if "cron" not in members:
        check.add(path, node, '"cron" is missing', 'as in cron: "0 3 * * *"')
    cron = check.text(members.get("cron"), f"{path}.cron", most=_MAX_TEXT)
    if cron is not None:
        _cron(cron, members["cron"], f"{path}.cron", check)
    zone = check.text(members.get("timezone"), f"{path}.timezone", most=_MAX_TEXT)
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            check.add(
                f"{path}.timezone",
                members["timezone"],
                f"there is no time zone {quoted(zone)}",
                "write a name such as Europe/Berlin or UTC",
            )


def _cron(text: str, node: Node, path: str, check: Check) -> None:
    if text.startswith("@"):
        if text not in _CRON_ALIASES:
            check.add(path, node, f"{quoted(text)} is not known", ", ".join(_CRON_ALIASES))
        return
    fields = text.split()
    if len(fields) != _CRON_FIELDS:
        check.add(
            path,
            node,
            f"a cron expression has {_CRON_FIELDS} fields, this one has {len(fields)}",
            "minute hour day-of-month month day-of-week",
        )
        return
    random_field = re.search(r"(?i)(?<![a-z])[hr](?![a-z])", text)
    if random_field or not croniter.is_valid(text):
        check.add(
            path,
            node,
            f"{quoted(text)} is not a cron expression",
            "minute hour day-of-month month day-of-week",
        )
    elif not croniter.is_valid(text, strict=True):
        check.add(path, node, f"{quoted(text)} names a day that never comes")


def _webhook(members: dict[str, Node], _node: Node, path: str, check: Check) -> None:
    address = check.text(members.get("path"), f"{path}.path", most=_MAX_TEXT)
    if address is not None and not _PATH.fullmatch(address):
        check.add(f"{path}.path", members["path"], "use a-z, 0-9, dash and underscore, no slashes")
    source = check.text(members.get("source"), f"{path}.source", most=_MAX_TEXT)
    if source is not None and source not in WEBHOOK_SOURCES:
        check.add(
            f"{path}.source",
            members["source"],
            f"there is no source {quoted(source)}",
            did_you_mean(source, WEBHOOK_SOURCES) or "known: " + ", ".join(WEBHOOK_SOURCES),
        )
    check.strings(members.get("events"), f"{path}.events", "events")
    secret = check.text(members.get("secret"), f"{path}.secret", most=_MAX_TEXT)
    if secret is not None and not _PATH.fullmatch(secret.lower()):
        check.add(
            f"{path}.secret",
            members["secret"],
            "this is the name of a secret in the vault, never its value",
        )


def _nats(members: dict[str, Node], node: Node, path: str, check: Check) -> None:
    if "subject" not in members:
        check.add(path, node, '"subject" is missing', "as in subject: builds.finished")
    subject = check.text(members.get("subject"), f"{path}.subject", most=_MAX_TEXT)
    if subject is not None:
        parts = subject.split(".")
        last = parts.pop()
        sound = all(_SUBJECT_TOKEN.fullmatch(part) for part in parts)
        if not sound or not (last == ">" or _SUBJECT_TOKEN.fullmatch(last)):
            check.add(
                f"{path}.subject",
                members["subject"],
                f"{quoted(subject)} is not a NATS subject",
                "words with dots between; * for one word, > at the end for the rest",
            )
    check.text(members.get("queue"), f"{path}.queue", most=_MAX_TEXT)


_READERS: dict[str, Callable[[dict[str, Node], Node, str, Check], None]] = {
    "alertmanager": _alertmanager,
    "schedule": _schedule,
    "webhook": _webhook,
    "nats": _nats,
}
