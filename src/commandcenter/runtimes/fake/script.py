"""What a fake attempt is to do, said by its environment or its input.

`FAKE_*` variables of the environment win over the member `fake` of the input:
exit_code, seconds (duration), stdout, stderr, output (JSON, written to output.json), artifacts
(object of name to text), ends ("out_of_memory", "disk_full", "lost", "system_error"),
ignore_sigterm, echo_input; execute_exit_code, execute_output and execute_seconds say how commands
in a service end, refuses that it takes no connections, actual_memory_bytes what is read back as the
limit in force. Without any of these the attempt prints a
line and succeeds with the output `{}`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import AttemptSpec

_PREFIX = "FAKE_"


@dataclass(frozen=True, slots=True)
class Script:
    exit_code: int = 0
    seconds: float = 0.0
    stdout: str = "fake attempt\n"
    stderr: str = ""
    output: bytes | None = b"{}"
    artifacts: dict[str, str] = field(default_factory=dict)
    ends: FailureReason | None = None
    ignore_sigterm: bool = False
    refuses: bool = False  # connections to a service
    execute_exit_code: int = 0  # of commands run in a service
    execute_output: str = ""
    execute_seconds: float = 0.0
    actual_memory_bytes: int | None = None  # None: the limit as it was asked for


def read_script(spec: AttemptSpec) -> Script:
    """The script of an attempt; what cannot be understood is left at its default."""
    steps = _from_input(spec.input_json)
    steps |= {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in {**spec.environment, **spec.secret_environment}.items()
        if name.startswith(_PREFIX)
    }
    if _truth(steps.get("echo_input", False)):
        steps["output"] = spec.input_json
    artifacts = steps.get("artifacts", {})
    if isinstance(artifacts, str):
        artifacts = json.loads(artifacts)
    return Script(
        exit_code=int(steps.get("exit_code", 0)),
        seconds=float(steps.get("seconds", 0.0)),
        stdout=str(steps.get("stdout", "fake attempt\n")),
        stderr=str(steps.get("stderr", "")),
        output=_output(steps.get("output", {})),
        artifacts={str(name): str(text) for name, text in artifacts.items()},
        ends=FailureReason(steps["ends"]) if steps.get("ends") else None,
        ignore_sigterm=_truth(steps.get("ignore_sigterm", False)),
        refuses=_truth(steps.get("refuses", False)),
        execute_exit_code=int(steps.get("execute_exit_code", 0)),
        execute_output=str(steps.get("execute_output", "")),
        execute_seconds=float(steps.get("execute_seconds", 0.0)),
        actual_memory_bytes=int(steps["actual_memory_bytes"])
        if "actual_memory_bytes" in steps
        else None,
    )


def _from_input(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    found = document.get("fake") if isinstance(document, dict) else None
    return dict(found) if isinstance(found, dict) else {}


def _output(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value).encode()


def _truth(value: object) -> bool:
    return str(value).lower() in {"1", "true", "yes"}
