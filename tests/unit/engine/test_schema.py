import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from commandcenter.engine.document import as_document
from commandcenter.engine.issues import WorkflowInvalidError
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.schema import SCHEMA_PATH, build_schema, schema_text
from commandcenter.engine.source import plain
from commandcenter.engine.source_yaml import read_yaml
from tests.unit.engine.conftest import REVIEW_AND_PATCH

VALIDATOR = jsonschema.Draft7Validator(build_schema())


def test_the_committed_file_is_what_is_built() -> None:
    assert Path(SCHEMA_PATH).read_text(encoding="utf-8") == schema_text(), (
        "write it anew: python -m commandcenter.engine.schema"
    )


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(build_schema())


def test_it_accepts_the_example() -> None:
    assert list(VALIDATOR.iter_errors(plain(read_yaml(REVIEW_AND_PATCH)))) == []


def base(**more: Any) -> dict[str, Any]:
    return {"name": "x", "nodes": {"a": {"agent": "b"}}, **more}


def node(**more: Any) -> dict[str, Any]:
    return {"name": "x", "nodes": {"a": {"agent": "b", **more}}}


GOOD = [
    base(timeout=5, description="d", outputs={"a": "{{nodes.a.state}}"}),
    base(inputs={"a": {}, "b": {"type": "integer", "default": 1, "enum": [1, 2]}}),
    base(triggers=[{"alertmanager": None}, {"nats": {"subject": "a.>"}}]),
    base(triggers=[{"webhook": {"source": "github", "events": ["push"], "match": {"a": ["b"]}}}]),
    node(retry={"max": 3, "backoff": "1s", "backoff_factor": 1.5, "backoff_max": 60}),
    node(approval={}, when="true", run_if="failure", timeout="1.5h"),
    node(approval={"groups": ["a"], "quorum": 2, "allow_self": False, "on_timeout": "reject"}),
]
BAD = [
    {"name": "x"},
    base(name="Not A Name"),
    base(nods={}),
    base(nodes={}),
    base(nodes={"a b": {"agent": "x"}}),
    base(inputs={"a": {"type": "text"}}),
    base(triggers=[{}]),
    base(triggers=[{"schedule": {}}]),
    base(triggers=[{"cron": {}}]),
    node(agent="UPPER"),
    node(retry={}),
    node(retry={"max": 101}),
    node(timeout="soon"),
    node(timeout=0),
    node(run_if="never"),
    node(approval={"on_timeout": "approve"}),
    node(needs="b"),
    node(when=""),
]


@pytest.mark.parametrize("document", GOOD)
def test_schema_and_parser_accept(document: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(document)) == []
    parse_workflow(json.dumps(document))


@pytest.mark.parametrize("document", BAD)
def test_schema_and_parser_refuse(document: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(document)) != []
    with pytest.raises(WorkflowInvalidError):
        parse_workflow(json.dumps(document))


@pytest.mark.parametrize("document", [*GOOD, plain(read_yaml(REVIEW_AND_PATCH))])
def test_a_definition_as_a_document_parses_to_itself(document: dict[str, Any]) -> None:
    definition = parse_workflow(json.dumps(document))
    again = as_document(definition)
    assert list(VALIDATOR.iter_errors(again)) == []
    assert parse_workflow(json.dumps(again)) == definition


def test_defaults_are_left_out_of_the_document() -> None:
    assert as_document(parse_workflow(json.dumps(node(timeout="60s", retry={"max": 1})))) == {
        "name": "x",
        "nodes": {"a": {"agent": "b", "timeout": 60, "retry": {"max": 1}}},
    }


def test_nothing_that_differs_from_the_default_is_lost() -> None:
    document = {
        "name": "x",
        "description": "d",
        "inputs": {
            "a": {"type": "array", "required": False, "description": "d"},
            "b": {"enum": ["x", "y"], "default": "x"},
            "c": {"format": "project"},
        },
        "triggers": [{"schedule": {"cron": "@daily", "with": {"c": "demo"}}}],
        "nodes": {
            "a": {"agent": "b@1.0"},
            "n": {
                "agent": "b",
                "needs": ["a"],
                "with": {"k": ["{{inputs.a}}", 1]},
                "when": "nodes.a.outputs.x > 1",
                "run_if": "always",
                "retry": {
                    "max": 2,
                    "backoff": 0.5,
                    "backoff_factor": 3.0,
                    "backoff_max": 10,
                    "jitter": False,
                },
                "timeout": 5,
                "approval": {"groups": ["g"], "quorum": 2, "timeout": 60, "allow_self": False},
                "description": "d",
            },
        },
        "timeout": 3600,
        "outputs": {"o": "{{nodes.n.state}}"},
    }
    definition = parse_workflow(json.dumps(document))
    assert as_document(definition) == document
    assert definition.node("n").agent == "b"
    with pytest.raises(KeyError):
        definition.node("m")
