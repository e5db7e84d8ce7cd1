import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandcenter.kit.redaction import MASK, Redactor

SECRET = "s3cr?t/va+lue ü&"


def through(redactor: Redactor, data: bytes, cuts: list[int]) -> bytes:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    parts = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    stream = redactor.for_stream()
    return b"".join(stream.feed(part) for part in parts) + stream.finish()


@given(
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_a_value_is_masked_however_the_stream_is_cut(
    before: bytes, after: bytes, cuts: list[int]
) -> None:
    data = before + SECRET.encode() + after
    found = through(Redactor([SECRET]), data, cuts)
    assert SECRET.encode() not in found
    assert MASK in found


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=8))
def test_other_bytes_pass_unchanged(data: bytes, cuts: list[int]) -> None:
    assert through(Redactor(["not-in-there-at-all"]), data, cuts) == data


@pytest.mark.parametrize("lead", [b"", b"a", b"ab", b"user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_at_every_alignment(lead: bytes, encode: object) -> None:
    assert callable(encode)
    encoded = encode(lead + SECRET.encode() + b" tail")
    found = Redactor([SECRET]).redact(b"Authorization: Basic " + encoded)
    assert MASK in found
    assert SECRET.encode()[2:-2] not in base64.b64decode(found.split()[-1].split(b"[")[0] + b"==")


@pytest.mark.parametrize(
    "form",
    [
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_encoded_forms_are_masked(form: str) -> None:
    assert Redactor([SECRET]).redact_text(f"x={form};") == "x=[redacted];"


def test_lines_of_a_long_secret_are_masked_on_their_own() -> None:
    key = (
        "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nZm9vYmFyYmF6cXV4cXV1eA\n-----END KEY-----"
    )
    text = "\n".join("   " + line for line in key.splitlines())
    found = Redactor([key]).redact_text(text)
    assert "MIIEvQ" not in found
    assert "Zm9vYmFy" not in found


def test_values_too_short_to_be_secret_are_left_alone() -> None:
    assert Redactor(["1", "ab", ""]).redact(b"1 ab 1") == b"1 ab 1"


def test_a_longer_value_wins_over_one_inside_it() -> None:
    assert Redactor(["token", "token-extended"]).redact(b"token-extended") == MASK


def test_little_is_held_back() -> None:
    stream = Redactor(["abcdef"]).for_stream()
    assert stream.feed(b"hello ab") == b"hello "
    assert stream.feed(b"x") == b"abx"
    assert stream.finish() == b""
