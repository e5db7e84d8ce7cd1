from typing import Any

import pytest

from commandcenter.engine.conditions import (
    MAX_STEPS,
    ConditionError,
    ConditionSyntaxError,
    compile_condition,
    evaluate,
)

FACTS: dict[str, Any] = {
    "inputs": {
        "count": 5,
        "name": "ann",
        "none": None,
        "list": [1, 2, 3],
        "huge": 2**80,
        "thousand": list(range(1_000)),
        "megabyte": "x" * 1_000_000,
    },
    "nodes": {
        "review": {
            "outputs": {"score": 79, "issues": [{"severity": "major"}, {"severity": "minor"}]},
            "state": "succeeded",
            "error": None,
        },
        "a-b": {"outputs": {}, "state": "failed", "error": "exit code 1"},
    },
    "run": {"id": "run_1"},
    "trigger": {"kind": "webhook", "payload": {"startsAt": "2026-01-31T12:00:00+01:00"}},
}


def decide(text: str) -> bool:
    return evaluate(compile_condition(text), FACTS)


@pytest.mark.parametrize(
    "text",
    [
        "nodes.review.outputs.score < 80",
        "nodes.review.outputs.score < 79.5",
        "nodes.review.state == 'succeeded' && nodes['a-b'].state != \"succeeded\"",
        "nodes.`a-b`.error.startsWith('exit')",
        'nodes["a-b"].error.matches("code [0-9]+$")',
        "inputs.none == null",
        "!has(nodes.review.outputs.missing) || nodes.review.outputs.missing > 3",
        "has(nodes.review.outputs.score) ? nodes.review.outputs.score > 1 : false",
        "nodes.review.outputs.issues.exists(i, i.severity == 'major')",
        "nodes.review.outputs.issues.filter(i, i.severity == 'minor').size() == 1",
        "inputs.list.map(x, x * 2) == [2, 4, 6]",
        "inputs.list.map(x, x > 1, x * 2) == [4, 6]",
        "inputs.list.exists_one(x, x == 2) && inputs.list.all(x, x > 0)",
        "nodes.all(n, nodes[n].state in ['succeeded', 'failed'])",
        "2 in inputs.list && 'count' in inputs",
        "timestamp(trigger.payload.startsAt) == timestamp('2026-01-31T11:00:00Z')",
        "timestamp(trigger.payload.startsAt).getHours('Europe/Berlin') == 12",
        "timestamp(trigger.payload.startsAt) + duration('1h') > timestamp('2026-01-31T11:59:59Z')",
        "type(inputs.count) == int && type(1.0) == double && type(null) == null_type",
        "inputs.huge > 9223372036854775807 && type(inputs.huge) == double",
        "'a' + \"b\" == r'ab' && 'a\\u00e9\\n'.size() == 3 && b'\\xff' != b'a'",
        "7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1 && 7.0 / 2.0 == 3.5",
        "1 == 1.0 && 1 != true && '1' != 1 && [1, {'a': 2}] == [1.0, {'a': 2.0}]",
        "true || inputs.missing && false",
        "inputs.missing || true",
        "!(inputs.missing && false)",
        "int('12') + int(1.9) == 13 && double('1.5') == 1.5 && string(12) == '12'",
        "bool('true') && uint(3) == 3u && size('abc') == 3",
        "1 + 2 * 3 - 4 == 3 // a comment",
        "{'a': 1, 2: 3}.a == 1",
    ],
)
def test_true(text: str) -> None:
    assert decide(text) is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inputs.nope", 'inputs has no field "nope"'),
        ("inputs.coun > 1", 'did you mean "count"?'),
        ("nodes.review.outputs.scores < 80", 'nodes.review.outputs has no field "scores"'),
        ("nodes.gone.state == ''", 'nodes has no field "gone"'),
        ("inputs.none.x == 1", "inputs.none is null and has no field x"),
        ("inputs.count.x == 1", "inputs.count is a value of type int"),
        ("inputs.list[3] == 1", "inputs.list[3]: the list has 3 items"),
        ("inputs['x'] == 1", "there is no such key"),
        ("inputs.count == 1 || inputs.name < 1", "< is not defined between string and int"),
        ("inputs.count + 1.5 > 1.0", "convert one with double(...) or int(...)"),
        ("inputs.none < 1", "test for null first"),
        ("inputs.count", "must be true or false, but it is of type int"),
        ("inputs.list", "of type list"),
        ("inputs.name", "of type string"),
        ("null", "of type null_type"),
        ("inputs.count / 0 == 1", "division by zero"),
        ("9223372036854775807 + 1 > 0", "needs more than 64 bits"),
        ("inputs.name.matches('(')", "is not a regular expression"),
        ("'a'.matches('(?=a)')", "is not a regular expression"),
        ("int('x') == 1", "cannot be turned into an int"),
        ("timestamp('yesterday') == timestamp(0)", "is not a timestamp"),
        ("duration('1 hour') == duration('1h')", "is not a duration"),
        ("inputs.count ? true : false", "? needs a bool"),
        ("!inputs.count", "! needs a bool, not int"),
        ("inputs.list.all(x, x)", "needs a condition that is a bool"),
        ("inputs.count.all(x, true)", "goes through a list or a map"),
        ("inputs.count in 5", "in needs a list or a map"),
        ("size(5) == 1", "size is not defined for int"),
        ("timestamp(0).getHours('Mars/Base') == 0", "is not a time zone"),
        ("timestamp(0).getHours('/etc/passwd') == 0", "is not a time zone"),
    ],
)
def test_no_answer(text: str, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        decide(text)
    assert words in caught.value.detail
    assert caught.value.code == "condition_failed"


@pytest.mark.parametrize(
    ("text", "words", "offset", "hint"),
    [
        ("", "expected a value, found the end", 0, None),
        ("inputs.count <", "expected a value, found the end", 14, None),
        ("inputs.count = 1", "unexpected '='", 13, "compare with =="),
        ("inputs.a and true", "expected an operator", 9, "write &&"),
        ("count > 1", 'there is no name "count"', 0, "names start with"),
        ("input.count > 1", 'there is no name "input"', 0, 'did you mean "inputs"?'),
        ("nodes.a-b.state == ''", 'there is no name "b"', 8, "a text stands in quotes"),
        ("open('/etc/passwd') == ''", 'there is no function "open"', 0, None),
        ("inputs.name.contain('a')", 'no method "contain"', 12, '"contains"'),
        ("'abc", "the string is not closed", 0, None),
        ("'\\q' == ''", "is not an escape sequence", 0, None),
        ("99999999999999999999 > 1", "more than 64 bits", 0, None),
        ("has(inputs)", "has takes one field", 0, None),
        ("inputs.list.all(1, true)", "takes a variable and a condition", 15, None),
        ("(" * 50 + "1" + ")" * 50, "nested more than", 40, None),
        ("x" * 5_000, "longer than 4,096", 0, None),
        ("inputs.a[", "expected a value", 9, None),
        ("import.x == 1", "expected a value", 0, None),
        ("f(1,)", "expected an argument", 4, None),
    ],
)
def test_syntax_errors(text: str, words: str, offset: int, hint: str | None) -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        compile_condition(text)
    assert words in str(caught.value)
    assert caught.value.offset == offset
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_names() -> None:
    condition = compile_condition(
        "has(nodes.a.outputs.x) && nodes['b-c'].outputs.list.all(i, i > inputs.low && i < run.id)"
        " && nodes[inputs.which].state == trigger.kind && size([inputs.z]) > 0"
    )
    assert {use.parts for use in condition.names} == {
        ("nodes", "a", "outputs", "x"),
        ("nodes", "b-c", "outputs", "list"),
        ("inputs", "low"),
        ("run", "id"),
        ("nodes",),
        ("inputs", "which"),
        ("trigger", "kind"),
        ("inputs", "z"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "inputs.thousand.all(a, inputs.thousand.all(b, a + b >= 0))",
        "[inputs.name]" + ".map(a, a + a)" * 60 + "[0] == ''",
        "[[1]]" + ".map(a, a + a)" * 60 + "[0] == [1]",
        "[1]" + ".map(a, [a, a])" * 60 + " == [1]" + ".map(a, [a, a])" * 60,
        " + ".join(["inputs.megabyte"] * 200) + " == ''",
        "inputs.thousand.all(i, inputs.megabyte == inputs.megabyte)",
        "inputs.thousand.all(i, inputs.megabyte.matches('(x+x+)+$'))",
        "inputs.megabyte.matches('(x|y)*x(x|y){300}z')",
    ],
)
def test_hostile_expressions_run_out_of_steps(text: str) -> None:
    with pytest.raises(ConditionError, match=f"more than {MAX_STEPS:,} steps"):
        decide(text)


def test_regular_expressions_take_linear_time() -> None:
    assert decide("inputs.megabyte.matches('^(x+x+)+y')") is False


def test_a_whole_budget_is_there_for_each_evaluation() -> None:
    condition = compile_condition("inputs.thousand.all(a, a >= 0)")
    assert all(evaluate(condition, FACTS) for _ in range(200))
