"""The JSON Schema of a definition, for editors. What it accepts, `parse_workflow` looks at further.

Run `python -m commandcenter.engine.schema` to write it anew; a test compares the committed file.
"""

import json
from pathlib import Path
from typing import Any

from commandcenter.engine.checking import MAX_DESCRIPTION, MAX_LIST
from commandcenter.engine.definition import MAX_NODES, InputType, RunIf
from commandcenter.engine.durations import DURATION_PATTERN
from commandcenter.engine.parse import WORKFLOW_NAME
from commandcenter.engine.parse_inputs import FORMATS, INPUT_NAME, MAX_INPUTS
from commandcenter.engine.parse_nodes import (
    AGENT,
    GROUP,
    MAX_CONDITION,
    MAX_FACTOR,
    MAX_QUORUM,
    MAX_RETRIES,
    NODE_NAME,
)
from commandcenter.engine.parse_triggers import MAX_TRIGGERS, WEBHOOK_SOURCES

SCHEMA_PATH = Path(__file__).with_name("workflow.schema.json")
_Json = dict[str, Any]


def build_schema() -> _Json:
    """Return the schema (draft-07, which editors know best); always the same."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "CommandCenter workflow",
        **_object(
            {
                "name": _text("A name: a-z, 0-9, dash, dot, underscore.", _whole(WORKFLOW_NAME)),
                "description": _described("What the workflow is for."),
                "inputs": _named(INPUT_NAME, "input", MAX_INPUTS, "What a run needs to be given."),
                "triggers": {
                    "description": "What starts runs by itself.",
                    "type": "array",
                    "maxItems": MAX_TRIGGERS,
                    "items": {"$ref": "#/definitions/trigger"},
                },
                "nodes": {
                    **_named(NODE_NAME, "node", MAX_NODES, "The steps, each run by an agent."),
                    "minProperties": 1,
                },
                "timeout": _duration("Of the whole run, waiting for people included. Default 7d."),
                "outputs": {
                    "description": "The run's own outputs: templates over inputs and nodes.",
                    "type": "object",
                },
            },
            required=["name", "nodes"],
        ),
        "definitions": {
            "duration": {
                "anyOf": [
                    {"type": "string", "pattern": DURATION_PATTERN},
                    {"type": "number", "exclusiveMinimum": 0},
                ]
            },
            "description": {"type": "string", "minLength": 1, "maxLength": MAX_DESCRIPTION},
            "match": {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {"type": "array", "items": {"type": "string", "minLength": 1}},
                    ]
                },
            },
            "input": _input(),
            "node": _node(),
            "retry": _retry(),
            "approval": _approval(),
            "trigger": _trigger(),
        },
    }


def _input() -> _Json:
    return _object(
        {
            "type": _enum([kind.value for kind in InputType], "Default string."),
            "format": _enum(list(FORMATS), "project: the name of a project."),
            "required": {"type": "boolean", "description": "Default: true without a default."},
            "default": {"description": "The value when none is given."},
            "enum": {"description": "The only values.", "type": "array", "minItems": 1},
            "description": _described("Shown to the person who starts a run."),
        }
    )


def _node() -> _Json:
    return _object(
        {
            "agent": _text("The agent: name or name@version.", _whole(AGENT)),
            "needs": {
                "description": "The nodes that must have ended first.",
                "type": "array",
                "maxItems": MAX_LIST,
                "uniqueItems": True,
                "items": {"type": "string"},
            },
            "with": {
                "description": "The agent's input; texts are Mustache templates.",
                "type": "object",
            },
            "when": {
                "description": "A CEL condition; the node is skipped if it is false.",
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_CONDITION,
            },
            "run_if": _enum(
                [choice.value for choice in RunIf], "What the needs must have come to."
            ),
            "retry": {"$ref": "#/definitions/retry"},
            "timeout": _duration("Of one attempt. Default: the agent's own."),
            "approval": {"$ref": "#/definitions/approval"},
            "description": _described("What the node is for."),
        },
        required=["agent"],
    )


def _retry() -> _Json:
    return _object(
        {
            "max": _integer("Attempts beyond the first.", 0, MAX_RETRIES),
            "backoff": _duration("The first wait. Default 1s."),
            "backoff_factor": {
                "description": "How much longer each wait is. Default 2.",
                "type": "number",
                "minimum": 1,
                "maximum": MAX_FACTOR,
            },
            "backoff_max": _duration("The longest wait. Default 5m."),
            "jitter": {
                "description": "Wait a random part of it. Default true.",
                "type": "boolean",
            },
        },
        required=["max"],
    )


def _approval() -> _Json:
    return _object(
        {
            "groups": {
                "description": "Who may answer. Default: anyone who may approve.",
                "type": "array",
                "maxItems": MAX_LIST,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": _whole(GROUP)},
            },
            "quorum": _integer("How many must approve. Default 1.", 1, MAX_QUORUM),
            "timeout": _duration("How long to wait. Default 24h."),
            "on_timeout": _enum(["reject"], "Silence is never an approval."),
            "allow_self": {
                "description": "Whether who started the run may approve. Default true.",
                "type": "boolean",
            },
        }
    )


def _trigger() -> _Json:
    match: _Json = {"$ref": "#/definitions/match"}
    with_: _Json = {
        "description": "The run's inputs: templates over trigger.",
        "type": "object",
    }
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            "alertmanager": _settings({"match": match, "with": with_}),
            "schedule": _object({"cron": text, "timezone": text, "with": with_}, required=["cron"]),
            "webhook": _settings(
                {
                    "path": text,
                    "source": _enum(list(WEBHOOK_SOURCES), "Default generic."),
                    "events": {"type": "array", "items": {"type": "string"}},
                    "match": match,
                    "secret": {**text, "description": "The name of a secret, never its value."},
                    "with": with_,
                }
            ),
            "nats": _object(
                {"subject": text, "queue": text, "match": match, "with": with_},
                required=["subject"],
            ),
        },
    }


def _settings(properties: _Json) -> _Json:
    return {**_object(properties), "type": ["object", "null"]}


def _object(properties: _Json, required: list[str] | None = None) -> _Json:
    schema: _Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return schema | ({"required": required} if required else {})


def _named(pattern: Any, definition: str, most: int, description: str) -> _Json:
    return {
        "description": description,
        "type": "object",
        "maxProperties": most,
        "additionalProperties": False,
        "patternProperties": {_whole(pattern): {"$ref": f"#/definitions/{definition}"}},
    }


def _whole(pattern: Any) -> str:
    return f"^(?:{pattern.pattern})$"


def _text(description: str, pattern: str) -> _Json:
    return {"description": description, "type": "string", "pattern": pattern}


def _described(description: str) -> _Json:
    return {"description": description, "allOf": [{"$ref": "#/definitions/description"}]}


def _duration(description: str) -> _Json:
    return {"description": description, "allOf": [{"$ref": "#/definitions/duration"}]}


def _enum(values: list[str], description: str) -> _Json:
    return {"description": description, "enum": values}


def _integer(description: str, low: int, high: int) -> _Json:
    return {"description": description, "type": "integer", "minimum": low, "maximum": high}


def schema_text() -> str:
    """Return the text of the committed file."""
    return json.dumps(build_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
