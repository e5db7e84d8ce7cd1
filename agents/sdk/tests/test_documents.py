"""Documents are read and written as `json` does it, with and without `json` loaded."""

import json
import sys

import pytest
from commandcenter_agent import documents

DOCUMENTS = [
    b'{"n": 1, "x": [1.5, "\\u00e9", null, true], "deep": {"a": {}}}',
    ' {"grüße": "\U0001f600", "lone": "\\ud800"}\r\n\t '.encode(),
    b'{"n": NaN, "i": [Infinity, -Infinity], "big": 123456789012345678901234567890, "e": 1e400}',
    b"[]",
    b'"text"',
    b"12",
    '{"utf": 16}'.encode("utf-16"),
    b'\xef\xbb\xbf{"mark": 1}',
    b'{"twice": 1, "twice": 2}',
]
WRONG = [
    b"",
    b"{",
    b'{"a" 1}',
    b'{"a": 1} b',
    b'{"a": "\n"}',
    b"\xff\xfe{",
    b"{'a': 1}",
    b"[1,]",
    b"nan",
]
VALUES: list[dict[str, object]] = [
    {},
    {"a": [1, 2.5, None, True, "\u00e9\n\U0001f600\ud800"], "b": {"c": ()}},
    {2: 2, None: 3, True: 4, 1.5: 5},  # type: ignore[dict-item]
]


@pytest.fixture(params=["with json", "without json"])
def _loaded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without json":
        monkeypatch.delitem(sys.modules, "json")


@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("data", DOCUMENTS)
def test_reads_what_json_reads(data: bytes) -> None:
    assert repr(documents.loads(data)) == repr(json.loads(data))


@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("data", WRONG)
def test_refuses_what_json_refuses(data: bytes) -> None:
    with pytest.raises(ValueError) as expected:  # noqa: PT011 - compared below
        json.loads(data)
    with pytest.raises(ValueError) as found:  # noqa: PT011
        documents.loads(data)
    assert str(found.value) == str(expected.value)


@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("value", VALUES)
def test_writes_what_json_writes(value: dict[str, object]) -> None:
    assert documents.dumps(value) == json.dumps(value, allow_nan=False)


@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), object(), {1}, b"x", {(1,): 2}])
def test_refuses_to_write_what_json_refuses(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError)) as expected:
        json.dumps({"x": wrong}, allow_nan=False)
    with pytest.raises((TypeError, ValueError)) as found:
        documents.dumps({"x": wrong})
    assert (type(found.value), str(found.value)) == (type(expected.value), str(expected.value))


@pytest.mark.usefixtures("_loaded")
def test_a_circle_is_refused() -> None:
    circle: dict[str, object] = {}
    circle["x"] = circle
    with pytest.raises(ValueError, match="Circular"):
        documents.dumps(circle)
