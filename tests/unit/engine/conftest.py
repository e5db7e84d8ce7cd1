import pytest

from commandcenter.engine.context import RunFacts
from commandcenter.engine.definition import WorkflowDefinition
from commandcenter.engine.parse import parse_workflow

REVIEW_AND_PATCH = """\
name: review-and-patch
inputs: {project: {type: string, format: project}, patch: {type: string}}
triggers:
  - alertmanager: {match: {alertname: DiskFull}}
  - schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}
nodes:
  scan:   {agent: security-scanner, with: {repositoryPath: "{{inputs.project}}"}}
  review: {agent: code-reviewer, needs: [scan], retry: {max: 3, backoff: 1s}, timeout: 60s}
  fix:    {agent: patcher, needs: [review], when: "nodes.review.outputs.score < 80",
           with: {patchContent: "{{{inputs.patch}}}"},
           approval: {groups: [maintainers], quorum: 1, timeout: 24h, on_timeout: reject}}
  tell:   {agent: notifier, needs: [fix], run_if: always}
"""


@pytest.fixture
def review_and_patch() -> WorkflowDefinition:
    return parse_workflow(REVIEW_AND_PATCH)


@pytest.fixture
def run_facts() -> RunFacts:
    return RunFacts(id="run_1", workflow="review-and-patch")
