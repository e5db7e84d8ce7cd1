import json
from typing import Any

import pytest

from commandcenter.engine.issues import WorkflowInvalidError
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.source import MAX_TEXT_BYTES, SourceError, plain
from commandcenter.engine.source_json import read_json
from commandcenter.engine.source_yaml import read_yaml

HEAD = "name: x\nnodes: {a: {agent: b}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[yes, no, on, off, y, n]", ["yes", "no", "on", "off", "y", "n"]),
        ("[true, True, FALSE, null, ~, ]", [True, True, False, None, None]),
        ("[1, -2, +3, 0o17, 0x1F, 010]", [1, -2, 3, 15, 31, 10]),
        ("[1.5, .5, 1., 1e3, -1.5e-3]", [1.5, 0.5, 1.0, 1000.0, -0.0015]),
        ("[2026-01-31, 12:30:00, 1_000, 1.2.3]", ["2026-01-31", "12:30:00", "1_000", "1.2.3"]),
        ("['1', \"true\", 'null']", ["1", "true", "null"]),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ('{"a": "\\u00e9\\/"}', {"a": "\u00e9/"}),
    ],
)
def test_yaml_1_2(text: str, expected: Any) -> None:
    assert plain(read_yaml(text)) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: [1", 1, 6, "not valid YAML"),
        ("a: 1\n b: 2", 2, 3, "not valid YAML"),
        ("a: 1\na: 2", 2, 1, "is there twice"),
        ("{a: 1, 'a': 2}", 1, 8, "is there twice"),
        ("1: x", 1, 1, "a key must be a string, not a number"),
        ("? [a]\n: x", 1, 3, "a key must be a string"),
        ("a: !!python/object/apply:os.system [ls]", 1, 4, "tags are not supported"),
        ("a: !!str 5", 1, 4, "tags are not supported"),
        ("a: &x {b: *x}", 1, 11, "may not contain itself"),
        ("a: *x", 1, 4, "names no anchor"),
        ("<<: {a: 1}", 1, 1, "merge keys"),
        ("a: .inf", 1, 4, "not a JSON number"),
        ("a: 1e999", 1, 4, "too large"),
        ("a: 99999999999999999999", 1, 4, "more than 64 bits"),
        ("a: 1\n---\nb: 2", 2, 1, "more than one document"),
        ("", 1, 1, "empty"),
        ("# only a comment", 1, 1, "empty"),
        ("a: \x00", 1, 4, "not valid YAML"),
        ("%YAML 99999999999999.2\n---\na: 1", 1, 1, "YAML"),
        ("[" * 100, 1, 65, "nested more than 64"),
        ('a: "\\ud800"', 1, 4, "surrogate"),
    ],
)
def test_what_yaml_cannot_be(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_yaml(text)
    assert words in caught.value.issue.message
    assert (caught.value.issue.line, caught.value.issue.column) == (line, column)


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
    )
    with pytest.raises(SourceError, match="aliases expanded") as refused:
        read_yaml(bomb)
    assert "write out what is needed" in str(refused.value.issue.hint)


def test_depth_through_aliases_is_bounded() -> None:
    text = "a0: &a0 " + "[" * 40 + "]" * 40 + "\na1: &a1 " + "[" * 40 + "*a0" + "]" * 40
    with pytest.raises(SourceError, match="nested more than 64"):
        read_yaml(text)


def test_too_large_a_text_is_refused_unread() -> None:
    with pytest.raises(WorkflowInvalidError, match="the most is 1,048,576"):
        parse_workflow(HEAD + "#" * MAX_TEXT_BYTES)
    with pytest.raises(WorkflowInvalidError, match="the most is 1,048,576"):
        parse_workflow(HEAD + "#" + "\u00e9" * (MAX_TEXT_BYTES // 2))


def test_a_lone_surrogate_in_the_text_is_refused() -> None:
    with pytest.raises(WorkflowInvalidError, match="line 2, column 3: not valid Unicode"):
        parse_workflow("a\nbc\ud800")


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, 1e3, True, False, None, "x\ty\u00e9\U0001f600", [], {}, [[]], {"b": {}}]},
        "text",
        [],
        5,
    ],
)
def test_json(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent="\t", ensure_ascii=False)):
        assert plain(read_json(text)) == value


def test_json_places() -> None:
    root = read_json('{"a":\n  [1,\n   {"b": 2}]}')
    inner = root.value["a"].value[1]
    assert (inner.line, inner.column) == (3, 4)
    assert (inner.keys["b"].line, inner.keys["b"].column) == (3, 5)
    assert (inner.value["b"].line, inner.value["b"].column) == (3, 10)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,}', 1, 9, "a key in double quotes"),
        ("[1,]", 1, 4, "expected a value"),
        ("[1 2]", 1, 4, 'expected "," or "]"'),
        ('{"a" 1}', 1, 6, 'expected ":"'),
        ("{a: 1}", 1, 2, "a key in double quotes"),
        ('{"a": 1', 1, 8, "the end of the text"),
        ("[1]]", 1, 4, "expected the end"),
        ("[NaN]", 1, 2, "expected a value"),
        ("[01]", 1, 3, 'expected ","'),
        ("['a']", 1, 2, "expected a value"),
        ('["a\nb"]', 1, 2, "control character"),
        ('["\\ud800"]', 1, 2, "surrogate"),
        ('{"a": 1,\n "a": 2}', 2, 2, "is there twice"),
        ("[1e999]", 1, 2, "too large"),
        ("[" * 100_000, 1, 65, "nested more than 64"),
        ("", 1, 1, "expected a value"),
    ],
)
def test_what_json_cannot_be(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_json(text)
    assert words.lower() in caught.value.issue.message.lower()
    assert (caught.value.issue.line, caught.value.issue.column) == (line, column)
