"""Progress lines of agents, as people read them."""

import json

_MARK = "::progress "


def readable(line: str) -> str:
    """Return `42 % looking at files` for a progress line, and any other line as it is."""
    if not line.startswith(_MARK):
        return line
    try:
        document = json.loads(line.removeprefix(_MARK))
    except ValueError:
        return line
    if not isinstance(document, dict):
        return line
    fraction, message = document.get("fraction"), document.get("message")
    words = []
    if isinstance(fraction, int | float) and 0 <= fraction <= 1:
        words.append(f"{fraction * 100:.0f} %")
    if isinstance(message, str):
        words.append(message)
    return " ".join(words) or line
