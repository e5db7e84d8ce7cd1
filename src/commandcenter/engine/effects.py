"""What an approval is bound to: a hash of exactly the effect that was shown to the approver."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

_VERSION = 1


def effect_hash(
    *,
    agent_name: str,
    agent_version: str,
    agent_digest: str,
    inputs: Mapping[str, Any],
    target_commit: str | None,
    project_id: str | None,
    node: str,
) -> str:
    """Return the SHA-256 of the effect as 64 hex digits, the same in every process and version.

    `inputs` are the resolved ones: a JSON tree with finite numbers (ValueError otherwise).
    `agent_digest` is the digest of the agent's files or image.
    """
    effect = {
        "version": _VERSION,
        "agent": {"name": agent_name, "version": agent_version, "digest": agent_digest},
        "inputs": inputs,
        "target_commit": target_commit,
        "project_id": project_id,
        "node": node,
    }
    return hashlib.sha256(canonical_json(effect)).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of the value, in UTF-8: keys sorted, no spaces, ASCII only.

    A number is written by its value: 1.0 as 1, so that a trip through another JSON library does
    not change the hash; true is not 1. ValueError for what JSON cannot hold.
    """
    return json.dumps(
        _canonical(value, 0), sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


_MAX_DEPTH = 200


def _canonical(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"a key must be a string, not {type(key).__name__}")  # noqa: TRY004 - one error type for the caller
        return {key: _canonical(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item, depth + 1) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"{type(value).__name__} is not a JSON value")
