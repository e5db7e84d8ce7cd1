from typing import Any

import pytest

from commandcenter.agents.errors import AgentInputsError
from commandcenter.agents.values import ValueChecker


def mismatches(schema: dict[str, Any], value: dict[str, Any]) -> list[str]:
    with pytest.raises(AgentInputsError) as caught:
        ValueChecker().check_inputs("looker", "digest", schema, value)
    return [str(mismatch) for mismatch in caught.value.mismatches]


def test_each_place_is_named() -> None:
    schema = {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "object", "properties": {"line": {"type": "integer"}}},
            },
            "level": {"enum": ["low", "high"]},
            "when": {"type": "string", "format": "date"},
        },
    }
    found = mismatches(schema, {"items": [{}, {"line": "x"}], "level": "SECRET", "when": "SECRET"})
    assert sorted(found) == [
        "items[1].line: must be integer, not string",
        "level: must be one of ['low', 'high']",
        "when: is not a valid 'date'",
    ]


def test_a_catastrophic_pattern_ends() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    assert mismatches(schema, {"a": "a" * 100_000 + "!"}) == [
        "a: does not match the pattern '^(a+)+$'"
    ]


def test_the_number_of_mismatches_is_bounded() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert len(mismatches(schema, {str(number): "" for number in range(1000)})) == 20


def test_compiled_schemas_are_bounded() -> None:
    checker = ValueChecker()
    for number in range(1000):
        checker.check_inputs("looker", str(number), {"type": "object"}, {})
    assert len(checker._compiled) <= 256
