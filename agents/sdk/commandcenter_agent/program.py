"""Run an agent's main function under the contract: input in, output out, exit codes."""

import os
import sys

from commandcenter_agent.context import Context, one_line
from commandcenter_agent.documents import dumps, loads
from commandcenter_agent.errors import AgentError

TYPE_CHECKING = False  # importing `typing` for it would double the cost of importing this package
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

MAX_OUTPUT_BYTES = 8 * 1024**2


def run(main: "Callable[[Context], Mapping[str, Any] | None]") -> "NoReturn":
    """Call `main` with the attempt's context, write its result and end the process.

    Exit code 0: done. 75: `TemporaryFailure`, may be tried again. 1: `AgentError` (one line on
    stderr) or any other exception (its traceback on stderr). /out/output.json appears whole or
    not at all, and on failure only if the error carries an output.
    """
    sys.exit(_attempt(main))


def _attempt(main: "Callable[[Context], Mapping[str, Any] | None]") -> int:
    try:
        context = Context(_read_input())
        try:
            output = main(context)
        except AgentError as error:
            if error.output is not None:
                _write_output(context, error.output)
            raise
        _write_output(context, output if output is not None else {})
    except AgentError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr, flush=True)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the edge of the program: anything unforeseen is exit code 1
        import traceback  # noqa: PLC0415 - only paid for when something went wrong

        traceback.print_exc()
        return 1
    return 0


def _read_input() -> "dict[str, Any]":
    path = os.path.join(os.environ.get("COMMANDCENTER_IN", "/in"), "input.json")  # noqa: PTH118
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs milliseconds
            inputs = loads(file.read())
    except FileNotFoundError:
        raise AgentError(f"There is no input: {path} does not exist.") from None
    except ValueError as error:
        raise AgentError(f"The input {path} is not valid JSON: {error}") from error
    if not isinstance(inputs, dict):
        raise AgentError(f"The input {path} is not a JSON object.")
    return inputs


def _write_output(context: Context, output: "Mapping[str, Any]") -> None:
    try:
        content = dumps(dict(output)).encode()
    except (TypeError, ValueError) as error:
        raise AgentError(f"The output cannot be written as JSON: {error}") from error
    if len(content) > MAX_OUTPUT_BYTES:
        raise AgentError(
            f"The output is {len(content)} bytes, more than the {MAX_OUTPUT_BYTES} allowed: "
            "write what is large to an artifact."
        )
    path = f"{context.out_path}/output.json"
    temporary = path + ".partial"
    with open(temporary, "wb") as file:  # noqa: PTH123 - the same
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)  # noqa: PTH105 - the same
