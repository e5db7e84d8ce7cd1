"""Repositories made for one test, and the agents run on them as real programs.

No credential is written out here: what looks like one is put together when the test runs.
"""

import base64
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from commandcenter_agent.testing import Result, run_agent
from jsonschema import Draft202012Validator

from commandcenter.agents.manifest import load_manifest

AGENTS = Path(__file__).resolve().parents[2]
_PATH = f"{AGENTS / 'sdk'}:{AGENTS / 'analysis'}"


def plant(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files below `root` and return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def run(agent: str, workspace: Path, **inputs: Any) -> Result:
    """Run a built-in agent on a folder; its output must keep what its manifest promises."""
    result = run_agent(AGENTS / agent, inputs, workspace, environment={"PYTHONPATH": _PATH})
    if result.output is not None:
        _promise(agent).validate(result.output)
    return result


@cache
def _promise(agent: str) -> Draft202012Validator:
    return Draft202012Validator(load_manifest(AGENTS / agent).outputs)


def places(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Rule, file and line of findings, in order of place."""
    found = [(entry["ruleId"], entry["file"], entry["line"]) for entry in entries]
    return sorted(found, key=lambda one: (one[1], one[2], one[0]))


def random_text(seed: str, length: int, alphabet: str) -> str:
    """Text that looks random and is the same every time."""
    digits = ""
    block = seed.encode()
    while len(digits) < length:
        block = hashlib.sha256(block).digest()
        digits += "".join(alphabet[byte % len(alphabet)] for byte in block)
    return digits[:length]


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE62 = LETTERS + LETTERS.lower() + "0123456789"
HEX = "0123456789abcdef"


def aws_key(seed: str = "aws") -> str:
    return "AK" + "IA" + random_text(seed, 16, LETTERS + "234567")


def github_token(seed: str = "github") -> str:
    return "gh" + "p_" + random_text(seed, 36, BASE62)


def private_key(seed: str = "key") -> str:
    body = base64.b64encode(hashlib.shake_256(seed.encode()).digest(600)).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(
        ["-----BEGIN " + "PRIVATE KEY-----", *lines, "-----END " + "PRIVATE KEY-----", ""]
    )


def git(root: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(root: Path) -> str:
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "a commit")
    return git(root, "rev-parse", "HEAD")
