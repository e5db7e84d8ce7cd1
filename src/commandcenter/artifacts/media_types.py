"""Media types by suffix, from tables of our own and Python's, never from the machine's."""

import mimetypes
from pathlib import PurePosixPath

_OWN = {
    ".sarif": "application/sarif+json",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".md": "text/markdown",
    ".diff": "text/x-diff",
    ".patch": "text/x-diff",
    ".log": "text/plain",
    ".txt": "text/plain",
}
_FALLBACK = "application/octet-stream"
_known = mimetypes.MimeTypes(filenames=())


def media_type(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return _OWN.get(suffix) or _known.types_map[True].get(suffix) or _FALLBACK
