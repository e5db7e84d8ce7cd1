from typing import Any

import pytest

from commandcenter.engine.context import RunFacts, StepView, build_context
from commandcenter.engine.parse import parse_workflow
from commandcenter.engine.plan import plan
from commandcenter.engine.states import StepState
from commandcenter.engine.templates import render_tree
from commandcenter.workflows.builtin_workflows import builtin_sources


def tell(file_name: str, steps: dict[str, StepView]) -> Any:
    definition = parse_workflow(builtin_sources()[file_name])
    run = RunFacts(id="run_1", workflow=definition.name)
    inputs = dict.fromkeys(definition.inputs)
    context = build_context(plan(definition), "tell", steps, inputs, run)
    return render_tree(definition.node("tell").with_, context)


def succeeded(**outputs: Any) -> StepView:
    return StepView(StepState.SUCCEEDED, outputs)


def test_a_scan_is_told_with_its_counts() -> None:
    told = tell(
        "scan.yaml",
        {"security": succeeded(findingsTotal=11), "compliance": succeeded(violationsTotal=0)},
    )
    assert told["message"].splitlines() == [
        "Security: succeeded, 11 findings",
        "Compliance: succeeded",
        "Run run_1 of scan version 1.",
    ]


def test_an_applied_patch_is_told_with_its_commit_and_backup() -> None:
    told = tell(
        "review-and-patch.yaml",
        {
            "scan": succeeded(findingsTotal=1),
            "review": succeeded(score=0, summary={}),
            "fix": succeeded(commit="c0ffee", branch="main", backupPath="refs/backup"),
        },
    )
    assert "Review: succeeded, score 0 of 100" in told["message"]
    assert "Patch: succeeded, commit c0ffee on main, backup refs/backup" in told["message"]


@pytest.mark.parametrize("file_name", ["scan.yaml", "review-and-patch.yaml"])
@pytest.mark.parametrize("state", [StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED])
def test_steps_without_a_result_are_told_all_the_same(file_name: str, state: StepState) -> None:
    names = [node.name for node in parse_workflow(builtin_sources()[file_name]).nodes]
    told = tell(file_name, {name: StepView(state) for name in names if name != "tell"})
    assert f": {state.value}\n" in told["message"]
