from typing import Any

import pytest

from commandcenter.engine.definition import WorkflowDefinition
from commandcenter.engine.inputs import parse_inputs
from commandcenter.engine.issues import InputsInvalidError
from commandcenter.engine.parse import parse_workflow


@pytest.fixture
def definition() -> WorkflowDefinition:
    return parse_workflow(
        "name: x\n"
        "inputs:\n"
        "  project: {format: project, description: the repository}\n"
        "  count: {type: integer, default: 3}\n"
        "  ratio: {type: number, required: false}\n"
        "  deep: {type: boolean, required: false}\n"
        "  rules: {type: array, required: false}\n"
        "  options: {type: object, required: false}\n"
        "  level: {enum: [low, high], default: low}\n"
        "nodes: {a: {agent: b}}\n"
    )


def test_every_declared_input_gets_a_value(definition: WorkflowDefinition) -> None:
    assert parse_inputs(definition, {"project": "demo"}) == {
        "project": "demo",
        "count": 3,
        "ratio": None,
        "deep": None,
        "rules": None,
        "options": None,
        "level": "low",
    }


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", "5", 5),
        ("count", " -5 ", -5),
        ("count", 5.0, 5),
        ("ratio", "1.5", 1.5),
        ("ratio", "2", 2),
        ("ratio", 1, 1),
        ("deep", "true", True),
        ("deep", "False", False),
        ("rules", '["a", 1]', ["a", 1]),
        ("rules", ["a"], ["a"]),
        ("options", '{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("level", "high", "high"),
        ("project", "5", "5"),
        ("count", None, 3),
    ],
)
def test_text_is_read_as_the_type(
    definition: WorkflowDefinition, name: str, given: Any, expected: Any
) -> None:
    value = parse_inputs(definition, {"project": "demo", name: given})[name]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "message", "hint"),
    [
        ("count", "five", '"five" is not of type integer', "such as 5"),
        ("count", 5.5, "expected type integer, found number", "such as 5"),
        ("count", True, "found boolean", "such as 5"),
        ("count", str(2**63), "is not of type integer", "such as 5"),
        ("count", "9" * 10_000, "is not of type integer", "such as 5"),
        ("ratio", "1e999", "is not of type number", "such as 1.5"),
        ("ratio", "nan", "is not of type number", "such as 1.5"),
        ("ratio", "\u0663", "is not of type number", "such as 1.5"),
        ("deep", "yes", "is not of type boolean", "true or false"),
        ("deep", 1, "found integer", "true or false"),
        ("rules", "a,b", "is not of type array", "[1, 2]"),
        ("rules", "[" * 100_000, "is not of type array", "[1, 2]"),
        ("rules", {"a": 1}, "found object", "[1, 2]"),
        ("options", "[]", "is not of type object", '{"a": 1}'),
        ("level", "middle", 'must be one of "low", "high"', ""),
        ("project", 5, "expected type string, found integer", "quotes"),
        ("project", "  ", "must name a project", ""),
        ("project", None, "required, of type string, but not given", "the repository"),
        ("projct", "x", 'no input "projct"', 'did you mean "project"?'),
    ],
)
def test_what_does_not_fit_is_told(
    definition: WorkflowDefinition, name: str, given: Any, message: str, hint: str
) -> None:
    with pytest.raises(InputsInvalidError) as caught:
        parse_inputs(definition, {"project": "demo", name: given})
    (issue,) = caught.value.issues
    assert issue.path == f"inputs.{name}"
    assert message in issue.message
    assert hint in str(issue.hint)


def test_all_problems_at_once(definition: WorkflowDefinition) -> None:
    with pytest.raises(InputsInvalidError) as caught:
        parse_inputs(definition, {"count": "x", "level": "y", "other": 1})
    assert [issue.path for issue in caught.value.issues] == [
        "inputs.count",
        "inputs.level",
        "inputs.other",
        "inputs.project",
    ]
    assert caught.value.code == "inputs_invalid"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("project", "x" * 100_000_000, "more than 8,388,608 bytes"),
        ("rules", ["x" * 5_000_000, "y" * 5_000_000], "more than 8,388,608 bytes"),
        ("project", "a\ud800", "not a JSON value"),
        ("rules", [float("nan")], "not a JSON value"),
        ("options", {"a": object()}, "not a JSON value"),
        ("rules", deep(100_000), "nested too deep"),
    ],
)
def test_what_could_not_be_stored_is_refused(
    definition: WorkflowDefinition, name: str, given: Any, message: str
) -> None:
    with pytest.raises(InputsInvalidError) as caught:
        parse_inputs(definition, {"project": "demo", name: given})
    assert message in caught.value.issues[0].message
    assert len(caught.value.detail) < 500
