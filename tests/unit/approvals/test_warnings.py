from typing import Any

import pytest

from commandcenter.approvals.schemas import ApprovalView
from commandcenter.approvals.warnings import warnings
from commandcenter.kit.clock import utc_now
from commandcenter.models import Approval

EFFECT: dict[str, Any] = {
    "agent": {
        "name": "patcher",
        "version": "1.0.0",
        "workspace": "write",
        "network": [],
        "secrets": [],
    },
    "inputs": {"patchContent": "not a diff"},
    "diff_input": "patchContent",
    "project": {"id": "p", "name": "shop", "path": "/srv/shop"},
    "target": {"branch": "main", "commit": "1" * 40},
    "workflow": "w",
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"target": None}, "/srv/shop is not the top folder of a git repository with a commit"),
        ({"target": None, "inputs": {"targetBranch": "nope"}}, "no branch 'nope' in /srv/shop"),
        ({"target": {"branch": None, "commit": "1" * 40}}, "detached HEAD"),
        ({"target": None, "diff_input": None}, None),
        ({"target": None, "project": None}, None),
        ({"asked_again": "main moved"}, "asked again: main moved"),
    ],
)
def test_what_the_effect_alone_tells(changed: dict[str, Any], words: str | None) -> None:
    found = list(warnings(EFFECT | changed))

    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_the_notes_say_all_that_is_wrong() -> None:
    now = utc_now()
    approval = Approval(
        id="apr_x",
        run_id="run_x",
        node="change",
        state="pending",
        effect=EFFECT | {"target": None},
        effect_hash="0",
        groups=[],
        quorum=1,
        allow_self=True,
        requested_by="me",
        created_at=now,
        expires_at=now,
    )

    notes = ApprovalView.of_decisions(approval, []).notes

    assert notes[0].endswith("the agent will refuse")
    assert notes[1].startswith("this is not a patch")
