"""Run an agent's real program in a real subprocess, without a hub and without a sandbox."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_COMMAND = re.compile(r"^command:\s*\[(?P<items>[^\]]*)\]\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """How the program ended. `output` is None if it wrote no output.json."""

    exit_code: int
    output: dict[str, Any] | None
    stdout: str
    stderr: str
    artifacts: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def value(self) -> dict[str, Any]:
        """The output; raises `AssertionError` with the program's words if there is none."""
        if self.output is None:
            raise AssertionError(f"no output, exit code {self.exit_code}: {self.stderr}")
        return self.output


def manifest_command(folder: Path) -> list[str]:
    """Read `command: [python, main.py]` from agent.yaml (a list on one line).

    Raises `ValueError` for any other form: pass `command` to `run_agent` then.
    """
    match = _COMMAND.search((folder / "agent.yaml").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{folder / 'agent.yaml'} has no `command: [...]` on one line")
    return [item.strip().strip("\"'") for item in match["items"].split(",") if item.strip()]


def agent_environment(scratch: Path, workspace: Path | None) -> dict[str, str]:
    """Return the clean environment in which `run_agent` starts a program; makes its folders."""
    for name in ("in", "out", "secrets", "home"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(scratch / "home"),
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COMMANDCENTER_IN": str(scratch / "in"),
        "COMMANDCENTER_OUT": str(scratch / "out"),
        "COMMANDCENTER_SECRETS": str(scratch / "secrets"),
        "COMMANDCENTER_WORKSPACE": str(workspace or scratch / "no-workspace"),
    }


def run_agent(
    folder: Path,
    inputs: Mapping[str, Any],
    workspace: Path | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] | None = None,
    timeout_seconds: float = 60.0,
) -> Result:
    """Run the agent in `folder` as the hub would, bare: same files, same clean environment.

    Raises `subprocess.TimeoutExpired` after `timeout_seconds`; the program is killed then.
    """
    argv = list(command or manifest_command(folder))
    if argv[0] == "python":
        argv[0] = sys.executable
    with tempfile.TemporaryDirectory(prefix="agent-") as name:
        scratch = Path(name)
        variables = agent_environment(scratch, workspace)
        (scratch / "in" / "input.json").write_text(json.dumps(dict(inputs)), encoding="utf-8")
        for secret, value in (secrets or {}).items():
            (scratch / "secrets" / secret).write_text(value, encoding="utf-8")
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**variables, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
        artifacts = scratch / "out" / "artifacts"
        output = scratch / "out" / "output.json"
        return Result(
            exit_code=done.returncode,
            output=json.loads(output.read_bytes()) if output.exists() else None,
            stdout=done.stdout.decode(errors="replace"),
            stderr=done.stderr.decode(errors="replace"),
            artifacts={
                path.relative_to(artifacts).as_posix(): path.read_bytes()
                for path in sorted(artifacts.rglob("*"))
                if path.is_file() and not path.is_symlink()
            },
        )
