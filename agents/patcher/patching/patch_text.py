"""Read a patch's headers strictly: which paths it names, and how they are written.

git does the applying. This is here to refuse what git would quietly bend (an absolute path loses
its first slash and is applied), and to know whether paths carry the a/ and b/ prefixes.
"""

import base64
import binascii
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass

from patching.outcome import Conflict, RefusedError

MAX_PATCH_BYTES = 32 * 1024**2
MAX_PATCH_FILES = 5000
MAX_BINARY_BYTES = 64 * 1024**2

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_BINARY_SIZE = re.compile(rb"(?:literal|delta) (\d+)")
_MAIL_START = re.compile(rb"^From \S+ .*\d{4}\r?\n", re.MULTILINE)
_SUBJECT_TAG = re.compile(r"^\s*(?:\[[^\]]*\]\s*)+")
_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b'"': b'"', b"\\": b"\\",
}  # fmt: skip
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
_DEV_NULL = b"/dev/null"
_SIZE_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Patch:
    content: bytes  # what git gets
    strip: int  # leading folders that are not part of the paths: 1 with a/ and b/, else 0
    subject: str | None  # of the mail, if it was one
    paths: tuple[bytes, ...] = ()  # that the headers name, as git will take them


def decode_input(content: str, encoding: str) -> bytes:
    """Turn the inputs into bytes. Raises `RefusedError`."""
    if encoding == "base64":
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RefusedError("invalid_patch", f"patchContent is not base64: {error}") from None
    return content.encode("utf-8", "surrogateescape")


def read_patch(content: bytes) -> Patch:
    """Check the headers of a patch or mailbox. Raises `RefusedError` before anything is touched."""
    if len(content) > MAX_PATCH_BYTES:
        limit = MAX_PATCH_BYTES // 1024**2
        raise RefusedError("invalid_patch", f"the patch is larger than {limit} MiB")
    if b"\0" in content:
        words = "the patch contains NUL bytes: make it with `git diff --binary`"
        raise RefusedError("invalid_patch", words)
    content, subject = _unwrap_mail(content)
    if not content.endswith(b"\n"):
        content += b"\n"
    pairs = list(_headers(content))
    if not pairs:
        words = "no file header was found: it takes a unified diff, as `git diff` writes it"
        raise RefusedError("invalid_patch", words)
    if len(pairs) > MAX_PATCH_FILES:
        words = f"the patch names more than {MAX_PATCH_FILES} files: split it"
        raise RefusedError("invalid_patch", words)
    refused = []
    names = tuple(dict.fromkeys(name for pair in pairs for name in pair if name != _DEV_NULL))
    for name in names:
        # `b//x` is /x once the prefix is off: git would quietly take it for x.
        if name.startswith(b"/") or name[1:3] == b"//":
            refused.append(Conflict(display(name), "absolute paths are not allowed"))
        elif b".." in name.split(b"/"):
            refused.append(Conflict(display(name), "paths with `..` are not allowed"))
    if refused:
        raise RefusedError("refused", "the patch names paths outside the repository", refused)
    strip = _strip(pairs)
    paths = tuple(name.partition(b"/")[2] if strip else name for name in names)
    return Patch(content, strip, subject, paths)


def display(path: bytes) -> str:
    """Return a path as text that JSON and every terminal can take."""
    return path.decode("utf-8", "backslashreplace")


def _headers(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (old, new) of each header pair.

    Hunks are skipped by their counts: a removed line that reads `-- x` looks like a header.
    """
    lines = content.split(b"\n")
    index = 0
    header = b""
    while index < len(lines):
        line = lines[index]
        index += 1
        if (hunk := _HUNK.match(line)) is not None:
            index = _skip_hunk(lines, index, hunk)
        elif line.startswith(b"--- ") and index < len(lines):
            following = lines[index]
            if following.startswith(b"+++ "):
                yield _name(line[4:]), _name(following[4:])
                index += 1
        elif line.startswith(b"diff --git "):
            header = line[len(b"diff --git ") :].rstrip(b"\r")
            pair = _git_header(header)
            if pair is not None:
                yield pair
        elif line.startswith((b"rename from ", b"rename to ", b"copy from ", b"copy to ")):
            raw = line.split(b" ", 2)[2].rstrip(b"\r")  # never has a prefix; the header may
            name = _name(raw)
            bare = header.startswith(raw + b" ") or header.endswith(b" " + raw)
            yield (name, name) if bare or name.startswith(b"/") else (b"a/" + name, b"b/" + name)
        elif (size := _BINARY_SIZE.fullmatch(line.rstrip(b"\r"))) is not None:
            _refuse_large_binary(size[1])


def _refuse_large_binary(digits: bytes) -> None:
    if len(digits) > _SIZE_DIGITS or int(digits) > MAX_BINARY_BYTES:
        limit = MAX_BINARY_BYTES // 1024**2
        raise RefusedError("invalid_patch", f"a binary file is larger than {limit} MiB")


def _skip_hunk(lines: list[bytes], index: int, hunk: re.Match[bytes]) -> int:
    old = int(hunk[1]) if hunk[1] is not None else 1
    new = int(hunk[2]) if hunk[2] is not None else 1
    while (old > 0 or new > 0) and index < len(lines):
        mark = lines[index][:1]
        if mark == b"-":
            old -= 1
        elif mark == b"+":
            new -= 1
        elif mark in (b" ", b"", b"\r"):
            old, new = old - 1, new - 1
        elif mark != b"\\":
            break  # git calls it corrupt
        index += 1
    return index


def _name(text: bytes) -> bytes:
    if text.startswith(b'"'):
        end = re.match(rb'"(?:[^"\\]|\\.)*"', text)
        if end is None:
            raise RefusedError("invalid_patch", f"a quoted name does not end: {display(text)}")
        return _unquote(end[0])
    return text.split(b"\t", 1)[0].rstrip(b"\r")


def _unquote(quoted: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if code in _ESCAPES:
            return _ESCAPES[code]
        if len(code) == 3 and int(code, 8) < 256:  # noqa: PLR2004 - \ooo, one byte
            return bytes([int(code, 8)])
        raise RefusedError("invalid_patch", f"a name is quoted wrongly: {display(quoted)}")

    return _ESCAPED.sub(one, quoted[1:-1])


def _git_header(text: bytes) -> tuple[bytes, bytes] | None:
    """Split `a/x b/x`. Unquoted names may contain spaces; then both halves say the same path."""
    if text.startswith(b'"'):
        first = _name(text)
        end = re.match(rb'"(?:[^"\\]|\\.)*" ', text)
        return (first, _name(text[end.end() :])) if end else None
    if text.endswith(b'"') and b' "' in text:
        old, _, rest = text.partition(b' "')
        return old, _name(b'"' + rest)
    for match in re.finditer(rb" ", text):
        old, new = text[: match.start()], text[match.end() :]
        if old == new or old.partition(b"/")[2] == new.partition(b"/")[2] != b"":
            return old, new
    return None  # a rename, told by `rename from` and `rename to`


def _strip(pairs: list[tuple[bytes, bytes]]) -> int:
    """0 if the names are bare. A prefix shows in that the first folders differ (a/x and b/x)."""
    prefixed = bare = False
    for old, new in pairs:
        if _DEV_NULL in (old, new):
            continue
        if old == new:
            bare = True
        elif old.partition(b"/")[2] == new.partition(b"/")[2] != b"":
            prefixed = True
    if prefixed and bare:
        words = "some paths carry a prefix such as a/ and b/ and some do not"
        raise RefusedError("invalid_patch", words)
    if prefixed or bare:
        return 1 if prefixed else 0
    olds = [old for old, _ in pairs if old != _DEV_NULL]
    news = [new for _, new in pairs if new != _DEV_NULL]
    letters = all(old.startswith(b"a/") for old in olds) and all(
        new.startswith(b"b/") for new in news
    )
    return 1 if letters or any(old[1:2] == b"/" for old in olds) else 0


def _unwrap_mail(content: bytes) -> tuple[bytes, str | None]:
    """Return the patch inside a mail or mailbox, decoded, and the first subject."""
    head = content[:65536]
    if not (_MAIL_START.match(head) or re.match(rb"(?:From|Subject|Date|Message-I[dD]): ", head)):
        return content, None
    starts = [match.start() for match in _MAIL_START.finditer(content)] or [0]
    parts, subject = [], None
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        raw = content[start:end]
        message = email.message_from_bytes(raw, policy=email.policy.default)
        if subject is None and message["Subject"]:
            subject = _SUBJECT_TAG.sub("", " ".join(str(message["Subject"]).split())) or None
        coding = str(message["Content-Transfer-Encoding"] or "").strip().lower()
        if coding in {"quoted-printable", "base64"}:
            payload = message.get_payload(decode=True)
            raw = payload if isinstance(payload, bytes) else raw
            parts.append(raw.replace(b"\r\n", b"\n") if coding == "base64" else raw)
        else:
            parts.append(raw)
    return b"\n".join(parts), subject
