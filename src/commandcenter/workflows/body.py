"""A workflow's text from a request: YAML or JSON as it is, or as `{"source": TEXT}`."""

import json
from typing import Any

from fastapi import Request

from commandcenter.workflows.errors import WorkflowSourceError

_WRAPPED_KEYS = {"source"}

OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": 'The definition itself, or its text as {"source": TEXT}.',
                }
            },
        },
    }
}


async def workflow_source(request: Request) -> str:
    """Return the text. Raises `WorkflowSourceError`; the size was limited before."""
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError:
        raise WorkflowSourceError("the body is not UTF-8 text") from None
    if not text.strip():
        raise WorkflowSourceError(
            "the body is empty", hint='Send the definition as YAML or JSON, or {"source": TEXT}.'
        )
    return _unwrapped(text)


def _unwrapped(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text  # the parser will say what is wrong with it, and where
    if isinstance(value, dict) and value.keys() == _WRAPPED_KEYS:
        if not isinstance(value["source"], str):
            raise WorkflowSourceError("source must be the text of the definition")
        return value["source"]
    return text
