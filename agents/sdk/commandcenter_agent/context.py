"""What an agent finds when it starts: inputs, workspace, secrets, and where its results go."""

import os
import sys

from commandcenter_agent.documents import dumps
from commandcenter_agent.errors import AgentError

TYPE_CHECKING = False  # importing `typing` for it would double the cost of importing this package
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, TextIO


def one_line(text: str) -> str:
    """Escape what would end a line or steer a terminal: names in a repository are anybody's."""
    return "".join(
        character
        if character == "\t" or character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


class Context:
    """One attempt, seen from inside. Made by `run`; the folders can be set by the environment.

    `COMMANDCENTER_IN`, `COMMANDCENTER_OUT`, `COMMANDCENTER_WORKSPACE` and `COMMANDCENTER_SECRETS`
    replace /in, /out, /workspace and /run/secrets, which is how the tests run a program bare.
    """

    __slots__ = ("_secrets", "_workspace", "inputs", "out_path")

    def __init__(self, inputs: "dict[str, Any]") -> None:
        self.inputs = inputs
        self.out_path = os.environ.get("COMMANDCENTER_OUT", "/out")
        self._workspace = os.environ.get("COMMANDCENTER_WORKSPACE", "/workspace")
        self._secrets = os.environ.get("COMMANDCENTER_SECRETS", "/run/secrets")

    @property
    def workspace(self) -> "Path | None":
        """The project's folder, or None if the manifest asks for none."""
        from pathlib import Path  # noqa: PLC0415 - only paid for by agents that use it

        return Path(self._workspace) if os.path.isdir(self._workspace) else None  # noqa: PTH112

    @property
    def out(self) -> "Path":
        """The folder for results; everything under `out/artifacts` is kept."""
        from pathlib import Path  # noqa: PLC0415 - only paid for by agents that use it

        return Path(self.out_path)

    def repository(self, name: str = "repositoryPath") -> "Path":
        """Return the folder named by the input `name`, else the workspace.

        Raises `AgentError` if there is neither, or if it is not a folder.
        """
        from pathlib import Path  # noqa: PLC0415 - only paid for by agents that use it

        given = self.inputs.get(name)
        path = Path(str(given)) if given else self.workspace
        if path is None:
            raise AgentError(f"There is no repository: give {name}, or run on a project.")
        if not path.is_dir():
            raise AgentError(f"{name} {one_line(str(path))} is not a folder inside the sandbox.")
        return path

    def artifact(self, name: str) -> "Path":
        """Return where to write the artifact `name` (may contain folders), parents created.

        Raises `AgentError` for a name that would leave /out/artifacts.
        """
        from pathlib import PurePosixPath  # noqa: PLC0415 - only paid for by agents that use it

        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in name:
            raise AgentError(f"The artifact name {one_line(name)!r} leaves the artifacts folder.")
        path = self.out / "artifacts" / pure
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def secret(self, name: str) -> str:
        """Return the secret's value, whether it was granted as a file or as a variable.

        Raises `AgentError` if it was not granted.
        """
        if not name.replace("_", "a").isalnum():
            raise AgentError(f"{one_line(name)!r} is not a secret's name.")
        try:
            with open(f"{self._secrets}/{name}", encoding="utf-8") as file:  # noqa: PTH123
                return file.read()
        except FileNotFoundError:
            value = os.environ.get(name)
        if value is None:
            raise AgentError(
                f"The secret {name} was not granted: list it under `secrets` in agent.yaml and "
                "have the operator grant it to this agent."
            )
        return value

    def progress(self, fraction: float, message: str = "") -> None:
        """Report how far the work is, from 0 to 1, as a line `::progress {...}` on stdout."""
        fraction = min(1.0, max(0.0, float(fraction)))
        line = dumps({"fraction": round(fraction, 4), "message": message[:500]})
        _write_line(sys.stdout, f"::progress {line}")

    def log(self, message: str) -> None:
        """Write one line to the log; what could pass for several lines or a command is escaped."""
        text = one_line(str(message))
        _write_line(sys.stdout, f" {text}" if text.startswith("::") else text)


def _write_line(stream: "TextIO", line: str) -> None:
    try:
        stream.write(line + "\n")
        stream.flush()
    except UnicodeEncodeError:
        stream.write(ascii(line)[1:-1] + "\n")
        stream.flush()
