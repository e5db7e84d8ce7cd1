"""The part of the SARIF 2.1.0 schema that our reports use, written down to check them by."""

from typing import Any

from jsonschema import Draft202012Validator

_MESSAGE = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {
                        # A relative reference: no scheme, no leading slash, nothing to escape.
                        "uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~/%-]+$"},
                        "uriBaseId": {"const": "%SRCROOT%"},
                    },
                },
                "region": {
                    "type": "object",
                    "required": ["startLine", "endLine"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "endLine": {"type": "integer", "minimum": 1},
                    },
                },
            },
        }
    },
}
_RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string", "minLength": 1},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": _LEVEL,
        "message": _MESSAGE,
        "locations": {"type": "array", "minItems": 1, "items": _LOCATION},
        "partialFingerprints": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        },
    },
}
_RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "defaultConfiguration"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "shortDescription": _MESSAGE,
        "help": _MESSAGE,
        "defaultConfiguration": {"type": "object", "properties": {"level": _LEVEL}},
        "properties": {
            "type": "object",
            "properties": {"tags": {"type": "array", "uniqueItems": True}},
        },
    },
}
_VALIDATOR = Draft202012Validator(
    {
        "type": "object",
        "required": ["version", "runs", "$schema"],
        "properties": {
            "version": {"const": "2.1.0"},
            "runs": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["tool", "results"],
                    "properties": {
                        "tool": {
                            "type": "object",
                            "required": ["driver"],
                            "properties": {
                                "driver": {
                                    "type": "object",
                                    "required": ["name", "rules"],
                                    "properties": {"rules": {"type": "array", "items": _RULE}},
                                }
                            },
                        },
                        "results": {"type": "array", "items": _RESULT},
                    },
                },
            },
        },
    }
)


def check_sarif(log: dict[str, Any]) -> list[dict[str, Any]]:
    """Check a log and its cross references; return its results."""
    _VALIDATOR.validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] <= region["endLine"]
    results: list[dict[str, Any]] = run["results"]
    return results
