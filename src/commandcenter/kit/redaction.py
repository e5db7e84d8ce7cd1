"""Remove known secret values from a stream of bytes, whatever way the stream is cut into chunks.

Values only, no patterns: what is not a known secret is never touched, and a known secret is found
in its plain form, JSON-escaped, percent-encoded, in hexadecimal and in base64 (at each of the three
alignments a value can have inside a longer encoded text).
"""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = b"[redacted]"
MIN_VALUE_LENGTH = 4  # a shorter value would blank out ordinary words and protects nothing
_MIN_ENCODED_LENGTH = 6  # shorter encoded forms occur by chance
_MIN_LINE_LENGTH = 16  # lines of a multi-line secret that are masked on their own (keys)


def _base64_forms(value: bytes) -> set[bytes]:
    forms: set[bytes] = set()
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + value).rstrip(b"=")
        # The characters at both ends mix in bits of the neighbours: they are not the value's own.
        start = (0, 2, 3)[lead]
        end = len(encoded) if (lead + len(value)) % 3 == 0 else len(encoded) - 1
        core = encoded[start:end]
        forms.add(core)
        forms.add(core.replace(b"+", b"-").replace(b"/", b"_"))
    return forms


def _forms(value: str) -> set[bytes]:
    raw = value.encode("utf-8", "surrogateescape")
    forms = {raw}
    text = raw.decode("utf-8", "replace")
    escaped = json.dumps(text)[1:-1]
    forms |= {escaped.encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    encoded = {quote(raw, safe="").encode(), quote(raw).encode(), quote_plus(raw).encode()}
    encoded |= {_lower_percent(form) for form in encoded}
    encoded |= {raw.hex().encode(), raw.hex().upper().encode()}
    encoded |= _base64_forms(raw)
    return forms | {form for form in encoded if len(form) >= _MIN_ENCODED_LENGTH}


def _lower_percent(form: bytes) -> bytes:
    head, *rest = form.split(b"%")
    return b"%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def expand(values: Iterable[str]) -> tuple[bytes, ...]:
    """All byte strings to mask for these values, the longest first."""
    forms: set[bytes] = set()
    for value in values:
        stripped = value.strip()
        if len(stripped) < MIN_VALUE_LENGTH:
            continue
        forms |= _forms(stripped)
        if "\n" in stripped:
            for line in stripped.splitlines():
                if len(line.strip()) >= _MIN_LINE_LENGTH:
                    forms |= _forms(line.strip())
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


class Redactor:
    """A streaming filter: `feed` returns what is safe to pass on, `finish` the rest.

    At most the length of the longest form minus one byte is held back between calls. One object
    serves one stream; `for_stream` gives a fresh one that shares the expanded forms.
    """

    def __init__(
        self, values: Iterable[str] = (), *, forms: tuple[bytes, ...] | None = None
    ) -> None:
        self._forms = expand(values) if forms is None else forms
        self._longest = max((len(form) for form in self._forms), default=0)
        self._held = b""

    def for_stream(self) -> "Redactor":
        return Redactor(forms=self._forms)

    def feed(self, chunk: bytes) -> bytes:
        if not self._forms:
            return chunk
        data = self._mask(self._held + chunk)
        keep = self._open_suffix(data)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is held back between calls."""
        return not self._held

    def finish(self) -> bytes:
        data, self._held = self._held, b""
        return data

    def redact(self, data: bytes) -> bytes:
        """Mask a whole value at once."""
        return self._mask(data) if self._forms else data

    def redact_text(self, text: str) -> str:
        return self.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def _mask(self, data: bytes) -> bytes:
        for form in self._forms:
            if form in data:
                data = data.replace(form, MASK)
        return data

    def _open_suffix(self, data: bytes) -> int:
        """Length of the longest end of `data` that begins some form."""
        tail = data[-(self._longest - 1) :] if self._longest > 1 else b""
        best = 0
        for form in self._forms:
            window = min(len(form) - 1, len(tail))
            position = tail.find(form[:1], len(tail) - window)
            while position != -1:
                length = len(tail) - position
                if length <= best:
                    break
                if form.startswith(tail[position:]):
                    best = length
                    break
                position = tail.find(form[:1], position + 1)
        return best
