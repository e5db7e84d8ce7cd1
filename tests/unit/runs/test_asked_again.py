from typing import Any

import pytest

from commandcenter.runs.asked_again import why_asked_again

BEFORE: dict[str, Any] = {
    "agent": {"name": "patcher", "version": "1.0.0", "digest": "d1"},
    "inputs": {"patchContent": "x", "expectedBase": "1" * 40},
    "project": None,
    "target": {"branch": "main", "commit": "1" * 40},
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {
                "target": {"branch": "main", "commit": "2" * 40},
                "inputs": {"patchContent": "x", "expectedBase": "2" * 40},
            },
            "main moved from 11111111 to 22222222",
        ),
        (
            {
                "target": {"branch": None, "commit": "2" * 40},
                "inputs": {"patchContent": "x", "expectedBase": "2" * 40},
            },
            "the detached HEAD at 22222222 is checked out instead of main at 11111111",
        ),
        ({"target": None, "inputs": {"patchContent": "x"}}, "main is gone"),
        (
            {"agent": {"name": "patcher", "version": "1.0.0", "digest": "d2"}},
            "the content of agent patcher@1.0.0 changed",
        ),
        (
            {"agent": {"name": "patcher", "version": "2.0.0", "digest": "d2"}},
            "the agent changed from patcher@1.0.0 to patcher@2.0.0",
        ),
        (
            {"inputs": {"patchContent": "y", "expectedBase": "1" * 40, "dryRun": True}},
            "the inputs changed (dryRun, patchContent)",
        ),
        ({"project": {"id": "p"}}, "the project changed"),
        ({}, "what would happen changed"),
    ],
)
def test_the_words_name_what_differs(changed: dict[str, Any], words: str) -> None:
    assert why_asked_again("apr_x", BEFORE, BEFORE | changed) == f"{words} since approval apr_x"
