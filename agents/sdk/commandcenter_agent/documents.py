"""JSON documents without loading `json`, whose regular expressions cost more than a small agent.

CPython keeps the fast half of `json` in a module of its own, written in C. A usual document is
read and written with that alone; whatever is unusual (wrong, in another encoding, on another
Python) goes to `json` itself, so that values and errors are always those of `json`.
"""

import sys

TYPE_CHECKING = False  # importing `typing` for it would double the cost of importing this package
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class _Reading:
    """The settings of `json.loads`, as the scanner in C asks for them."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> float:
        """Make a float of NaN, Infinity and -Infinity."""
        return float(name)


def loads(data: bytes) -> "Any":
    """Do what `json.loads` does. Raises ValueError."""
    if "json" not in sys.modules:
        try:
            from _json import make_scanner  # noqa: PLC0415 - may be absent

            text = data.decode()
            value, end = make_scanner(_Reading())(text, 0)  # type: ignore[arg-type]
            if not text[end:].strip(" \t\n\r"):
                return value
        except Exception:  # noqa: BLE001, S110 - `json` tells what is wrong
            pass
    import json  # noqa: PLC0415 - see above

    return json.loads(data)


def dumps(value: "Mapping[str, Any]") -> str:
    """Do what `json.dumps` does, NaN refused. Raises TypeError and ValueError."""
    if "json" not in sys.modules:
        try:
            from _json import encode_basestring_ascii, make_encoder  # noqa: PLC0415 - may be absent

            encode = make_encoder(
                {}, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, False
            )
            return "".join(encode(value, 0))
        except Exception:  # noqa: BLE001, S110 - `json` tells what is wrong
            pass
    import json  # noqa: PLC0415 - see above

    return json.dumps(value, allow_nan=False)


def _refuse(value: object) -> "Any":
    raise TypeError(type(value).__name__)
