"""Agent folders for tests."""

from pathlib import Path

MANIFEST = """\
name: {name}
version: {version}
description: Does nothing, for tests.
type: ANALYSIS
risk: {risk}
command: [python, main.py]
inputs:
  type: object
  additionalProperties: false
  required: [{required}]
  properties:
    repositoryPath: {{type: string, format: project}}
    depth: {{type: integer, minimum: 1}}
    token: {{type: string, pattern: "^[a-z]+$"}}
outputs:
  type: object
  required: [passed]
  properties:
    passed: {{type: boolean}}
"""


def make_agent(
    folder: Path,
    *,
    name: str = "looker",
    version: str = "1.0.0",
    risk: str = "AUTO",
    program: str = "pass\n",
    required: str = "repositoryPath",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = MANIFEST.format(name=name, version=version, risk=risk, required=required)
    (folder / "agent.yaml").write_text(text)
    (folder / "main.py").write_text(program)
    return folder
