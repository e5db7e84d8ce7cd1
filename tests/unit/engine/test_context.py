from commandcenter.engine.context import RunFacts, StepView, build_context
from commandcenter.engine.definition import NodeDefinition, WorkflowDefinition
from commandcenter.engine.plan import plan
from commandcenter.engine.states import StepState

PLAN = plan(
    WorkflowDefinition(
        "x",
        (
            NodeDefinition("a", "x"),
            NodeDefinition("b", "x", needs=("a",)),
            NodeDefinition("c", "x", needs=("b",)),
            NodeDefinition("other", "x"),
        ),
    )
)
STEPS = {
    "a": StepView(StepState.SUCCEEDED, outputs={"n": 1}),
    "b": StepView(StepState.FAILED, error="exit code 1"),
    "other": StepView(StepState.SUCCEEDED, outputs={"late": True}),
}
RUN = RunFacts(id="run_1", workflow="x", project="demo", trigger_payload={"k": "v"})


def test_a_node_sees_only_what_is_upstream() -> None:
    context = build_context(PLAN, "c", STEPS, {"i": 5}, RUN)
    assert context["nodes"] == {
        "a": {"outputs": {"n": 1}, "state": "succeeded", "error": None},
        "b": {"outputs": {}, "state": "failed", "error": "exit code 1"},
    }
    assert context["inputs"] == {"i": 5}
    assert context["trigger"] == {"kind": "manual", "payload": {"k": "v"}}
    assert context["run"] == {
        "id": "run_1",
        "workflow": "x",
        "version": 1,
        "project": "demo",
        "started_at": None,
        "started_by": None,
    }


def test_the_outputs_of_the_run_see_every_node() -> None:
    context = build_context(PLAN, None, STEPS, {}, RUN)
    assert list(context["nodes"]) == ["a", "b", "c", "other"]
    assert context["nodes"]["c"]["state"] == "pending"
