"""Reading the notices in a notifier's output: an agent wrote them, so all is bounded and typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

INBOX = "inbox"
_MAX_NOTICES = 100
_MAX_TITLE = 300
_MAX_BODY = 20_000
_MAX_CHANNEL = 32


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice:
    channel: str
    severity: Severity
    title: str
    body: str


def notices(outputs: Mapping[str, Any]) -> list[Notice]:
    """Return the notices under `notifications`; what has neither title nor body is left out."""
    given = outputs.get("notifications")
    if not isinstance(given, list):
        return []
    found = [_notice(item) for item in given[:_MAX_NOTICES] if isinstance(item, Mapping)]
    if len(given) > _MAX_NOTICES:
        more = f"{len(given) - _MAX_NOTICES} more notices of this step were not delivered"
        found.append(Notice(INBOX, Severity.WARNING, more, ""))
    return [notice for notice in found if notice.title or notice.body]


def _notice(item: Mapping[str, Any]) -> Notice:
    body = _text(item.get("body") or item.get("message"), _MAX_BODY)
    title = _text(item.get("title"), _MAX_TITLE) or body.partition("\n")[0][:_MAX_TITLE]
    severity = item.get("severity")
    known = {member.value: member for member in Severity}
    return Notice(
        channel=_text(item.get("channel"), _MAX_CHANNEL) or INBOX,
        severity=known.get(severity, Severity.INFO) if isinstance(severity, str) else Severity.INFO,
        title=" ".join(title.split()),
        body=body,
    )


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str):
        return ""
    # PostgreSQL stores neither NUL nor lone surrogates.
    text = value[: limit + 1].replace("\0", "").encode(errors="replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
