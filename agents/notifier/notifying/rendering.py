"""Write one message twice: as plain text and as Markdown that can do no harm."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifying.masking import MASK, mask, names_a_secret

_MAX_INPUT_CHARACTERS = 512 * 1024
_MAX_DETAILS = 40
_MAX_ITEMS = 10
_MAX_VALUE_CHARACTERS = 300

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>])")
_LINE_START = re.compile(r"^(\s*)([#>+-]|[0-9]+[.)])", re.MULTILINE)
_LINK = re.compile(r"(\]\(\s*|^\s{0,3}\[[^\]\n]{1,200}\]:\s*)(?!https?://|mailto:|#)", re.MULTILINE)
_REORDERING = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Limits:
    title: int  # characters
    body: int


LIMITS = {
    "inbox": Limits(200, 10_000),
    "log": Limits(200, 4_000),
    "webhook": Limits(200, 20_000),
    "email": Limits(200, 100_000),
    "telegram": Limits(200, 3_500),  # 4,096 for title and body after escaping
    "slack": Limits(150, 2_900),
}


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    plain: str
    markdown: str
    masked: int


@dataclass(frozen=True, slots=True)
class _Fact:
    name: str
    value: str
    items: Sequence[str] = ()


def compose(title: str, message: str, style: str, details: object) -> Message:
    """Render a message in full; `cut` makes it fit a channel."""
    count = 0

    def clean(text: str) -> str:
        nonlocal count
        text, found = mask(_printable(text[:_MAX_INPUT_CHARACTERS]))
        count += found
        return text

    heading = " ".join(clean(title).split())
    text = clean(message).strip()
    facts = [
        _Fact(clean(fact.name), clean(fact.value), [clean(item) for item in fact.items])
        for fact in _facts(details)
    ]
    count += sum(fact.value == MASK for fact in facts)
    plain = "\n".join(
        line
        for fact in facts
        for line in (f"{fact.name}: {fact.value}", *(f"  - {item}" for item in fact.items))
    )
    marked = "\n".join(
        line
        for fact in facts
        for line in (
            f"- **{_escape(fact.name)}**: {_escape(fact.value)}",
            *(f"  - {_escape(item)}" for item in fact.items),
        )
    )
    rich = _harmless(text) if style == "markdown" else _escape(text)
    return Message(
        title=heading or "(no title)",
        plain="\n\n".join(part for part in (text, plain) if part),
        markdown="\n\n".join(part for part in (rich, marked) if part),
        masked=count,
    )


def cut(text: str, limit: int) -> str:
    """Shorten at a word's or line's end where one is near, and say so with an ellipsis."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    space = max(kept.rfind(" "), kept.rfind("\n"))
    if space > limit * 0.8:
        kept = kept[:space]
    return kept.rstrip().rstrip("\\") + _ELLIPSIS


def _printable(text: str) -> str:
    text = _REORDERING.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs", "Co", "Cn"}
    )


def _escape(text: str) -> str:
    """Take plain text's characters out of Markdown's hands; line breaks stay."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return _SPECIAL.sub(r"\\\1", text).replace("\n", "  \n")


def _harmless(markdown: str) -> str:
    """Leave Markdown as it is but for HTML and links to anything other than web and mail."""
    return _LINK.sub(r"\1#", markdown.replace("<", "&lt;"))


def _facts(details: object) -> Sequence[_Fact]:
    if isinstance(details, Mapping):
        pairs = list(details.items())
    elif isinstance(details, list):
        pairs = [("items", details)] if details else []
    else:
        return ()
    facts = [_fact(str(name), value) for name, value in pairs[:_MAX_DETAILS]]
    if len(pairs) > _MAX_DETAILS:
        facts.append(_Fact("more", f"{len(pairs) - _MAX_DETAILS} not shown"))
    return facts


def _fact(name: str, value: Any) -> _Fact:
    if names_a_secret(name) and value not in (None, "", [], {}) and not isinstance(value, bool):
        return _Fact(name, MASK)
    if isinstance(value, list):
        items = [_item(item) for item in value[:_MAX_ITEMS]]
        if len(value) > _MAX_ITEMS:
            items.append(f"and {len(value) - _MAX_ITEMS} more")
        return _Fact(name, str(len(value)), items)
    return _Fact(name, _short(value))


def _item(value: object) -> str:
    """Write a finding as people read it: [severity] file:line message."""
    if not isinstance(value, Mapping) or "message" not in value:
        return _short(value)
    file, line = value.get("file"), value.get("line")
    place = f"{file}:{line}" if file and line else str(file or "")
    severity = f"[{value['severity']}]" if value.get("severity") else ""
    return _short(" ".join(part for part in (severity, place, str(value["message"])) if part))


def _short(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        value = {key: MASK if names_a_secret(str(key)) else one for key, one in value.items()}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) if len(text) <= _MAX_VALUE_CHARACTERS else _cut_value(text)


def _cut_value(text: str) -> str:
    masked, _ = mask(text[: _MAX_VALUE_CHARACTERS * 20])  # before the cut, or half a token is left
    return cut(" ".join(masked.split()), _MAX_VALUE_CHARACTERS)
