import json
import subprocess
import sys
from typing import Any

import pytest

from commandcenter.engine.effects import canonical_json, effect_hash

EFFECT: dict[str, Any] = {
    "agent_name": "patcher",
    "agent_version": "1.0.0",
    "agent_digest": "sha256:00ff",
    "inputs": {"patchContent": "--- a\n+++ b\n\u00e9", "createBackup": True, "n": [1, 2.5, None]},
    "target_commit": "0123abcd",
    "project_id": "prj_1",
    "node": "fix",
}
HASH = "fec5b7d3d35da8651c5e89c3569691d5cc2afcbcb7a938caa797f96a81fc05f9"


def test_the_test_vector() -> None:
    assert effect_hash(**EFFECT) == HASH


def test_another_process_agrees() -> None:
    program = (
        "import json, sys\n"
        "from commandcenter.engine.effects import effect_hash\n"
        "print(effect_hash(**json.load(sys.stdin)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(EFFECT, sort_keys=True),
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert result.stdout.strip() == HASH


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agent_name", "patcher2"),
        ("agent_version", "1.0.1"),
        ("agent_digest", "sha256:00fe"),
        ("inputs", {}),
        ("target_commit", None),
        ("project_id", "prj_2"),
        ("node", "fix2"),
    ],
)
def test_every_part_counts(field: str, value: Any) -> None:
    assert effect_hash(**{**EFFECT, field: value}) != HASH


def test_order_and_a_trip_through_json_do_not_count() -> None:
    inputs = dict(reversed(EFFECT["inputs"].items())) | {"n": (1.0, 2.5, None)}
    assert effect_hash(**{**EFFECT, "inputs": inputs}) == HASH


def test_numbers_are_written_by_their_value() -> None:
    assert canonical_json([1.0, -0.0, 1e20, 0.1, True]) == b"[1,0,100000000000000000000,0.1,true]"
    assert canonical_json({"b": "\u00e9", "a": 1}) == b'{"a":1,"b":"\\u00e9"}'
    assert canonical_json([1]) != canonical_json([True])
    assert canonical_json(["1"]) != canonical_json([1])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), b"x"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|key"):
        canonical_json([value])


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        canonical_json(deep)
