import json

import pytest

from commandcenter.engine.definition import (
    ApprovalGate,
    InputType,
    RetryPolicy,
    RunIf,
    TriggerDefinition,
    WorkflowDefinition,
)
from commandcenter.engine.issues import Issue, WorkflowInvalidError
from commandcenter.engine.parse import parse_workflow


def issues_of(text: str, **options: str) -> list[Issue]:
    with pytest.raises(WorkflowInvalidError) as caught:
        parse_workflow(text, **options)  # type: ignore[arg-type]
    assert caught.value.code == "workflow_invalid"
    assert caught.value.status == 422
    return list(caught.value.issues)


def with_node(node: str) -> str:
    return f"name: x\ninputs: {{p: {{}}}}\nnodes:\n  first: {{agent: a}}\n  n: {node}\n"


def test_the_example_of_the_design(review_and_patch: WorkflowDefinition) -> None:
    assert review_and_patch.name == "review-and-patch"
    assert [node.name for node in review_and_patch.nodes] == ["scan", "review", "fix", "tell"]
    assert review_and_patch.inputs["project"].format == "project"
    assert review_and_patch.inputs["patch"].type is InputType.STRING
    assert review_and_patch.triggers == (
        TriggerDefinition("alertmanager", {"match": {"alertname": "DiskFull"}}),
        TriggerDefinition("schedule", {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}),
    )
    scan, review, fix, tell = review_and_patch.nodes
    assert scan.with_ == {"repositoryPath": "{{inputs.project}}"}
    assert review.retry == RetryPolicy(max=3, backoff_seconds=1.0)
    assert review.timeout_seconds == 60.0
    assert fix.when == "nodes.review.outputs.score < 80"
    assert fix.approval == ApprovalGate(
        groups=("maintainers",), quorum=1, timeout_seconds=86400.0, on_timeout="reject"
    )
    assert tell.run_if is RunIf.ALWAYS
    assert tell.needs == ("fix",)


def test_json_and_yaml_give_the_same() -> None:
    document = {
        "name": "both",
        "description": "tab\t, slash / and \u00e9",
        "nodes": {"a": {"agent": "x@1.2.0", "with": {"n": [1, 2.5, None, True, "t"]}}},
    }
    text = json.dumps(document, indent=1)
    assert parse_workflow(text, format="json") == parse_workflow(text, format="yaml")
    assert parse_workflow(text) == parse_workflow(text.replace("/", "\\/"), format="json")
    node = parse_workflow(text).nodes[0]
    assert (node.agent, node.agent_version) == ("x", "1.2.0")


def test_an_inline_yaml_mapping_is_found_out() -> None:
    assert parse_workflow("{name: x, nodes: {a: {agent: b}}}").name == "x"


def test_all_problems_are_reported_with_their_places() -> None:
    issues = issues_of(
        "name: x\n"
        "inputs: {patch: {type: strng}}\n"
        "nodes:\n"
        "  a: {agent: s, need: [b]}\n"
        "  b: {agent: s, needs: [aa], timeout: soon}\n"
        "  c: {agent: s, needs: [b], when: 'nodes.d.outputs.x <', with: {p: '{{inputs.path}}'}}\n"
    )
    found = [(issue.path, issue.line, issue.column, issue.hint) for issue in issues]
    assert found == [
        ("inputs.patch.type", 2, 24, 'did you mean "string"?'),
        ("nodes.a.need", 4, 17, 'did you mean "needs"?'),
        ("nodes.b.needs[0]", 5, 25, 'did you mean "a"?'),
        ("nodes.b.timeout", 5, 39, None),
        ("nodes.c.when", 6, 35, None),
        ("nodes.c.with.p", 6, 68, 'did you mean "patch"?'),
    ]


def test_the_problem_document_lists_them() -> None:
    with pytest.raises(WorkflowInvalidError) as caught:
        parse_workflow("nods: {}")
    assert [issue.message for issue in caught.value.issues[:2]] == [
        '"name" is missing',
        '"nodes" is missing',
    ]
    with pytest.raises(WorkflowInvalidError) as caught:
        parse_workflow("nodes: {}")
    assert "2 problems" in caught.value.detail
    assert caught.value.fields["issues"][0] == {
        "path": "",
        "line": 1,
        "column": 1,
        "message": '"name" is missing',
        "hint": None,
    }


@pytest.mark.parametrize(
    ("node", "path", "words"),
    [
        ("{agent: a, needs: [n]}", "nodes.n.needs[0]", "cannot need itself"),
        ("{agent: a, needs: [first, first]}", "nodes.n.needs[1]", "listed twice"),
        ("{agent: a, needs: first}", "nodes.n.needs", "expected a list"),
        ("{agent: A!}", "nodes.n.agent", "does not name an agent"),
        ("{needs: [first]}", "nodes.n", '"agent" is missing'),
        ("[1]", "nodes.n", "expected a mapping, found a list"),
        ("{agent: a, run_if: allways}", "nodes.n.run_if", "not known"),
        ("{agent: a, retry: {backoff: 1s}}", "nodes.n.retry", '"max" is missing'),
        ("{agent: a, retry: {max: -1}}", "nodes.n.retry.max", "from 0 to 100"),
        ("{agent: a, retry: {max: 1, jitter: yes}}", "nodes.n.retry.jitter", "a boolean"),
        (
            "{agent: a, retry: {max: 1, backoff: 1m, backoff_max: 1s}}",
            "nodes.n.retry.backoff_max",
            "must not be less",
        ),
        ("{agent: a, timeout: 0}", "nodes.n.timeout", "more than 0"),
        ("{agent: a, timeout: 999d}", "nodes.n.timeout", "at most 366d"),
        ("{agent: a, timeout: true}", "nodes.n.timeout", "not a duration"),
        (
            "{agent: a, approval: {on_timeout: approve}}",
            "nodes.n.approval.on_timeout",
            "silence is not an approval",
        ),
        ("{agent: a, approval: {quorum: 0}}", "nodes.n.approval.quorum", "from 1"),
        ("{agent: a, approval: {groups: ['a b']}}", "nodes.n.approval.groups[0]", "not a group"),
        ("{agent: a, with: text}", "nodes.n.with", "expected a mapping"),
        ("{agent: a, with: {x: '{{p}}'}}", "nodes.n.with.x", "there is no name"),
        ("{agent: a, with: {x: '{{#inputs.p}}'}}", "nodes.n.with.x", "is not closed"),
        ("{agent: a, with: {x: '{{> part}}'}}", "nodes.n.with.x", "partials"),
        ("{agent: a, with: {x: ['{{nodes.n.state}}']}}", "nodes.n.with.x[0]", "itself"),
        ("{agent: a, with: {x: '{{nodes.first.state}}'}}", "nodes.n.with.x", "need not have run"),
        ("{agent: a, with: {x: '{{run.idd}}'}}", "nodes.n.with.x", "run has no"),
        ("{agent: a, with: {x: '{{trigger.body}}'}}", "nodes.n.with.x", "trigger has no"),
        (
            "{agent: a, needs: [first], when: 'nodes.first.score > 1'}",
            "nodes.n.when",
            'a node has no "score"',
        ),
        ("{agent: a, when: 'nodes.first.state == \"x\"'}", "nodes.n.when", "need not have run"),
        ("{agent: a, when: 'inputs.q == 1'}", "nodes.n.when", "there is no input"),
        ("{agent: a, when: 'p == 1'}", "nodes.n.when", "there is no name"),
        ("{agent: a, when: 'inputs.p.trim() == \"\"'}", "nodes.n.when", "there is no method"),
        ("{agent: a, when: true}", "nodes.n.when", "expected a string"),
        ("{agent: a, when: ''}", "nodes.n.when", "must not be empty"),
        ("{agent: a, with: {x: '{{.}}'}}", "nodes.n.with.x", "the item of a section"),
        ("{agent: a, with: {x: '{{first}}'}}", "nodes.n.with.x", "there is no name"),
        (
            "{agent: a, needs: [first], with: {x: '{{nodes.first.ouputs}}'}}",
            "nodes.n.with.x",
            'a node has no "ouputs"',
        ),
        ("{agent: a, with: {x: '{{nodes.frist.state}}'}}", "nodes.n.with.x", "there is no node"),
        ("{agent: a, retry: {max: two}}", "nodes.n.retry.max", "expected a whole number"),
        (
            "{agent: a, retry: {max: 1, backoff_factor: a}}",
            "nodes.n.retry.backoff_factor",
            "expected a number",
        ),
        (
            "{agent: a, retry: {max: 1, backoff_factor: 0.5}}",
            "nodes.n.retry.backoff_factor",
            "from 1 to 100",
        ),
        (
            "{agent: a, description: " + "x" * 5_000 + "}",
            "nodes.n.description",
            "longer than 4,000",
        ),
    ],
)
def test_what_is_wrong_with_a_node(node: str, path: str, words: str) -> None:
    (issue,) = issues_of(with_node(node))
    assert issue.path == path
    assert words in issue.message


def test_a_missing_need_is_named_in_the_hint() -> None:
    (issue,) = issues_of(with_node("{agent: a, with: {x: '{{nodes.first.outputs.y}}'}}"))
    assert issue.hint == "add it to needs: [first]"


def test_needs_are_transitive() -> None:
    definition = parse_workflow(
        "name: x\nnodes:\n  c: {agent: a, needs: [b], when: 'nodes.a.outputs.ok'}\n"
        "  b: {agent: a, needs: [a]}\n  a: {agent: a}\n"
    )
    assert [node.name for node in definition.nodes] == ["c", "b", "a"]


def test_a_cycle_is_told_with_its_path() -> None:
    (issue,) = issues_of(
        "name: x\nnodes:\n  a: {agent: a, needs: [c]}\n  b: {agent: a, needs: [a]}\n"
        "  c: {agent: a, needs: [b]}\n  d: {agent: a, needs: [c]}\n"
    )
    assert "a -> c -> b -> a" in issue.message
    assert (issue.line, issue.column) == (3, 25)


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("schedule: {}", '"cron" is missing'),
        ("schedule: {cron: 0 61 * * *}", "not a cron expression"),
        ("schedule: {cron: '* * * * * *'}", "has 5 fields"),
        ("schedule: {cron: 'H 3 * * *'}", "not a cron expression"),
        ("schedule: {cron: '@often'}", "not known"),
        ("schedule: {cron: 0 0 30 2 *}", "never comes"),
        ("schedule: {cron: '@daily', timezone: Mars/Base}", "no time zone"),
        ("schedule: {cron: '@daily', timezone: ../../etc/passwd}", "no time zone"),
        ("alertmanager: {match: {a: 1}}", "expected a string"),
        ("nats: {}", '"subject" is missing'),
        ("nats: {subject: a..b}", "not a NATS subject"),
        ("nats: {subject: 'a.>.b'}", "not a NATS subject"),
        ("webhook: {path: /a/b}", "no slashes"),
        ("webhook: {source: gitlap}", "there is no source"),
        ("webhok: {}", "there is no trigger kind"),
        ("schedule: {cron: '@daily', with: {q: 1}}", "there is no input"),
        ("nats: {subject: a, with: {p: '{{inputs.p}}'}}", "refer to trigger"),
        (
            "nats: {subject: a, with: {p: '{{#trigger.payload}}{{run.id}}{{/trigger.payload}}'}}",
            "refer to trigger",
        ),
        ("nats: {subject: a, with: {p: '{{trigger.body}}'}}", "trigger has no"),
        ("nats: {subject: a, with: {p: '{{trigger'}}", "is not closed"),
        ("nats: [a]", "expected a mapping, found a list"),
        ("webhook: {secret: 'a b'}", "the name of a secret"),
        ("a: {}, b: {}", "one key"),
    ],
)
def test_what_is_wrong_with_a_trigger(trigger: str, words: str) -> None:
    text = f"name: x\ninputs: {{p: {{}}}}\ntriggers: [{{{trigger}}}]\nnodes: {{a: {{agent: b}}}}\n"
    (issue,) = issues_of(text)
    assert words in issue.message
    assert issue.path.startswith("triggers[0]")


@pytest.mark.parametrize(
    "trigger",
    [
        "alertmanager: ~",
        "alertmanager: {match: {severity: [warning, critical]}, with: {p: '{{trigger.kind}}'}}",
        "schedule: {cron: '*/5 8-18 * * mon-fri', timezone: UTC, with: {p: nightly}}",
        "nats: {subject: 'builds.*.>', queue: hub}",
        "webhook: {path: deploy, source: github, events: [push], secret: hook-secret}",
    ],
)
def test_good_triggers(trigger: str) -> None:
    text = f"name: x\ninputs: {{p: {{}}}}\ntriggers: [{{{trigger}}}]\nnodes: {{a: {{agent: b}}}}\n"
    assert len(parse_workflow(text).triggers) == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{type: integer, default: a}", "expected a value of type integer, found a string"),
        ("{type: integer, default: true}", "found a boolean"),
        ("{enum: [a, b], default: c}", "not one of the enum's values"),
        ("{enum: []}", "at least one value"),
        ("{format: projct}", "is not known"),
        ("{type: integer, format: project}", "for strings"),
        ("{required: true, default: a}", "never missing"),
        ("{typo: 1}", "unknown key"),
    ],
)
def test_what_is_wrong_with_an_input(spec: str, words: str) -> None:
    (issue,) = issues_of(f"name: x\ninputs: {{p: {spec}}}\nnodes: {{a: {{agent: b}}}}\n")
    assert words in issue.message


def test_outputs_see_every_node() -> None:
    text = "name: x\nnodes: {a: {agent: b}}\noutputs: {score: '{{nodes.a.outputs.score}}'}\n"
    assert parse_workflow(text).outputs == {"score": "{{nodes.a.outputs.score}}"}
    (issue,) = issues_of(text.replace("nodes.a.", "nodes.b."))
    assert issue.path == "outputs.score"


def test_ten_thousand_nodes_are_refused_clearly() -> None:
    nodes = "".join(f"  n{index}: {{agent: a}}\n" for index in range(10_000))
    (issue,) = issues_of("name: x\nnodes:\n" + nodes)
    assert "10,000 nodes; the most is 1,000" in issue.message


def test_a_thousand_nodes_are_fine() -> None:
    nodes = "".join(
        f"  n{index}: {{agent: a, needs: [n{index - 1}]}}\n" for index in range(1, 1_000)
    )
    assert len(parse_workflow("name: x\nnodes:\n  n0: {agent: a}\n" + nodes).nodes) == 1_000


def test_a_name_without_its_root_is_explained() -> None:
    (issue,) = issues_of(with_node("{agent: a, with: {x: '{{p}}'}}"))
    assert issue.hint == "write inputs.p"
    (issue,) = issues_of(with_node("{agent: a, needs: [first], with: {x: '{{first}}'}}"))
    assert issue.hint == "write nodes.first.outputs"


def test_an_unknown_format_is_our_mistake_not_the_text_s() -> None:
    with pytest.raises(ValueError, match="auto, yaml or json"):
        parse_workflow("name: x", format="toml")  # type: ignore[arg-type]


def test_too_many_of_anything() -> None:
    inputs = ", ".join(f"i{index}: {{}}" for index in range(101))
    (issue,) = issues_of(f"name: x\ninputs: {{{inputs}}}\nnodes: {{a: {{agent: b}}}}\n")
    assert "101 inputs; the most is 100" in issue.message
    triggers = ", ".join(["{alertmanager: ~}"] * 51)
    (issue,) = issues_of(f"name: x\ntriggers: [{triggers}]\nnodes: {{a: {{agent: b}}}}\n")
    assert "51 items; the most is 50" in issue.message


def test_a_hundred_issues_are_enough() -> None:
    nodes = "".join(f"  n{index}: {{agent: a, needs: [gone]}}\n" for index in range(500))
    assert len(issues_of("name: x\nnodes:\n" + nodes)) == 100
