"""Whatever the text is: an answer or a refusal, never another error."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from commandcenter.engine.conditions import (
    ConditionError,
    ConditionSyntaxError,
    compile_condition,
    evaluate,
)
from commandcenter.engine.document import as_document
from commandcenter.engine.effects import canonical_json
from commandcenter.engine.issues import Issue, WorkflowInvalidError
from commandcenter.engine.mustache import TemplateSyntaxError
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.source import plain
from commandcenter.engine.source_json import read_json
from commandcenter.engine.templates import TemplateError, references, render_text, render_tree
from tests.unit.engine.conftest import REVIEW_AND_PATCH

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


# What is close to a definition goes deeper into the parser than random text does.
PIECES = [
    *REVIEW_AND_PATCH.split(),
    "\n",
    "\n  ",
    " ",
    "- ",
    "&a ",
    "*a",
    "!t ",
    "|\n",
    "{{",
    "\x00",
]


def told(error: WorkflowInvalidError) -> tuple[Issue, ...]:
    assert error.issues
    assert all(issue.line >= 1 and issue.column >= 1 for issue in error.issues)
    return error.issues


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=300)
def test_the_parser_refuses_or_returns(text: str) -> None:
    for text_format in ("auto", "yaml", "json"):
        try:
            definition = parse_workflow(text, format=text_format)
        except WorkflowInvalidError as error:
            json.dumps([issue.as_json() for issue in told(error)])
            continue
        assert parse_workflow(json.dumps(as_document(definition))) == definition


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_definition_is_refused_or_returned(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(REVIEW_AND_PATCH)))
    end = data.draw(st.integers(start, min(start + 30, len(REVIEW_AND_PATCH))))
    middle = data.draw(st.sampled_from([*PIECES, "5", "[]", "{}", "null", "'", '"', "}"]))
    try:
        parse_workflow(REVIEW_AND_PATCH[:start] + middle + REVIEW_AND_PATCH[end:])
    except WorkflowInvalidError as error:
        told(error)


@given(json_values)
def test_any_json_in_any_place_is_refused_or_taken(value: Any) -> None:
    for document in (
        value,
        {"name": value, "nodes": value, "inputs": value, "triggers": value, "outputs": value},
        {"name": "x", "nodes": {"a": {"agent": "b", "with": {"v": value}}}},
        {"name": "x", "nodes": {"a": {"agent": value, "needs": value, "retry": value}}},
        {"name": "x", "nodes": {"a": {"agent": "b", "approval": value, "timeout": value}}},
        {"name": "x", "inputs": {"i": {"default": value}}, "nodes": {"a": {"agent": "b"}}},
    ):
        try:
            parse_workflow(json.dumps(document), format="json")
        except WorkflowInvalidError as error:
            told(error)


@given(json_values)
def test_json_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    assert plain(read_json(json.dumps(value, ensure_ascii=False))) == value
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


TAGS = ["{{", "}}", "{{{", "}}}", "#", "^", "/", "!", "=", "&", "<% %>", "a", "b.c", ".", " ", "\n"]
CONTEXT = {"a": [1, {"b": {"c": "<"}}, None], "b": {"c": [True, "x"]}, "inputs": {"a": 1}}


@given(st.text() | st.lists(st.sampled_from(TAGS), max_size=20).map("".join))
@settings(max_examples=300)
def test_a_template_is_refused_or_rendered(text: str) -> None:
    try:
        assert isinstance(render_text(text, CONTEXT), str)
        references(text)
    except (TemplateError, TemplateSyntaxError):
        pass


@given(json_values)
def test_a_whole_tag_gives_the_value_and_no_template_changes_nothing(value: Any) -> None:
    assert render_tree("{{inputs.v}}", {"inputs": {"v": value}}) == value
    if "{{" not in json.dumps(value):
        assert render_tree(value, {}) == value


ATOMS = st.sampled_from(
    [
        *("inputs.v", "inputs.l", "inputs.none", "inputs.missing", "nodes.n.state", "inputs"),
        *("1", "0", "-2", "2.5", "3u", "'a'", "b'c'", "true", "false", "null", "[]", "{'k': 1}"),
        *("9223372036854775807", "duration('1h')", "timestamp(0)", "int", "x", "`q`", "'2.5'"),
    ]
)
OPERATORS = st.sampled_from(
    "+ - * / % == != < <= > >= && || in".split()  # noqa: SIM905 - easier to read
)
NAMES = st.sampled_from(
    ["size", "int", "uint", "double", "string", "bool", "bytes", "type", "timestamp", "duration"]
)
METHODS = st.sampled_from(["contains", "startsWith", "matches", "size", "getHours", "nope"])
MACROS = st.sampled_from(["all", "exists", "exists_one", "map", "filter"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(" ".join),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({})".format, inner),
        st.builds("!{}".format, inner),
        st.builds("-({})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{}({})".format, NAMES, inner),
        st.builds("({}).{}({})".format, inner, METHODS, inner),
        st.builds("({}).{}(x, {})".format, inner, MACROS, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("has(({}).k)".format, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, larger, max_leaves=12)
SCENE = {
    "inputs": {"l": [1, "a", None, [2], 2**70], "v": "x", "none": None},
    "nodes": {"n": {"state": "failed", "outputs": {}, "error": ""}},
}


@given(EXPRESSIONS | st.text(max_size=60))
@settings(max_examples=1_000)
def test_a_condition_is_refused_or_decided(text: str) -> None:
    try:
        answer = evaluate(compile_condition(text), SCENE)
    except (ConditionSyntaxError, ConditionError):
        return
    assert isinstance(answer, bool)


@given(json_values, json_values)
def test_conditions_compare_json_as_json(one: Any, other: Any) -> None:
    same = evaluate(compile_condition("inputs.a == inputs.b"), {"inputs": {"a": one, "b": other}})
    assert same == (canonical_json(one) == canonical_json(other))
    assert evaluate(compile_condition("inputs.a == inputs.a"), {"inputs": {"a": one}})
