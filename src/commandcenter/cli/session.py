"""What every command is given: its global options, the hub's client and where to write."""

import fcntl
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandcenter import __version__
from commandcenter.cli.invocation import command_line
from commandcenter.cli.problems import HubUnreachableError, NotSignedInError

if TYPE_CHECKING:
    from rich.console import Console

    from commandcenter.cli.client import HubClient

DEFAULT_URL = "http://127.0.0.1:3333"
_MAX_TOKEN_BYTES = 4096
# In words of the hub's, which does not know how this program is called; in no path.
_COMMAND = re.compile(r"(?<![\w/.-])commandcenter (?=[a-z])")


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """None: not given here. What is given closer to the command wins."""

    json: bool = False
    url: str | None = None
    token_file: Path | None = None
    data_directory: Path | None = None

    def over(self, outer: "GlobalOptions") -> "GlobalOptions":
        return GlobalOptions(
            json=self.json or outer.json,
            url=self.url or outer.url,
            token_file=self.token_file or outer.token_file,
            data_directory=self.data_directory or outer.data_directory,
        )


class Cli:
    """One call of the program."""

    def __init__(self, options: GlobalOptions, *, hub_url: str | None = None) -> None:
        """`hub_url`: of a hub in this very process, which needs no looking for."""
        self.options = options
        self._hub_url = hub_url

    @property
    def json(self) -> bool:
        return self.options.json

    @cached_property
    def data_directory(self) -> Path:
        if self.options.data_directory is not None:
            return self.options.data_directory.absolute()
        from platformdirs import user_data_path  # noqa: PLC0415  # only where it is needed

        return user_data_path("commandcenter")

    @cached_property
    def out(self) -> "Console":
        from commandcenter.cli.terminal import console  # noqa: PLC0415  # Rich is slow to load

        return console()

    @cached_property
    def err(self) -> "Console":
        import sys  # noqa: PLC0415

        from commandcenter.cli.terminal import console  # noqa: PLC0415  # the same

        return console(sys.stderr)

    @cached_property
    def url(self) -> str:
        """The hub's address: given, or left in the data directory by the hub itself."""
        if self._hub_url is not None:
            return self._hub_url
        if self.options.url is not None:
            return self.options.url.rstrip("/")
        return _told_by_hub(self.data_directory) or DEFAULT_URL

    @cached_property
    def token_file(self) -> Path:
        return self.options.token_file or self.data_directory / "cli-token"

    @cached_property
    def client(self) -> "HubClient":
        from commandcenter.cli.client import HubClient  # noqa: PLC0415  # httpx is slow to load

        start = f"Start one: {self.command('up')}"
        is_looked_for = not (self._hub_url or self.options.url or self.options.token_file)
        if is_looked_for and not _is_running(self.data_directory):
            raise HubUnreachableError(f"No hub runs on {self.data_directory}.", hint=start)
        return HubClient(self.url, self._token(), start_hint=start, tell=self.note)

    def command(self, *words: str) -> str:
        """Return a command of this program that reaches the same hub from any terminal."""
        return command_line(*words, options=self._reaching())

    def pasteable(self, hint: str) -> str:
        """Return a hint whose commands are written as this program was called, for this hub."""
        options = self._reaching()
        if options and shlex.join(options) in hint:
            return hint  # written by `command`
        start = command_line(options=options)
        return _COMMAND.sub(lambda _match: f"{start} ", hint)

    def _reaching(self) -> list[str]:
        options: list[str] = []
        if self.options.data_directory is not None:
            options += ["--data-directory", str(self.options.data_directory)]
        if self.options.url is not None:
            options += ["--url", self.options.url]
        if self.options.token_file is not None:
            options += ["--token-file", str(self.options.token_file)]
        return options

    def emit(self, document: Any, show: Callable[[], object]) -> None:
        """Print the document with --json, else call `show`."""
        if self.json:
            from commandcenter.cli.terminal import print_json  # noqa: PLC0415

            print_json(document)
        else:
            show()

    def version_note(self) -> str | None:
        """Return words when hub and program differ in version: why something may not work."""
        hub = self.client.hub_version()
        if hub is None or hub == __version__:
            return None
        return f"The hub is version {hub}, this program {__version__}: use the same of both."

    def note(self, text: str) -> None:
        """Tell about progress, on stderr."""
        self.err.print(text)

    def _token(self) -> str:
        try:
            with self.token_file.open("rb") as file:
                token = file.read(_MAX_TOKEN_BYTES).decode("ascii").strip()
        except FileNotFoundError:
            raise NotSignedInError(
                f"There is no token in {self.token_file}.",
                hint="On the hub's machine, use the data directory of the hub "
                "(--data-directory). Elsewhere, ask an admin for a token "
                "(commandcenter tokens create) and name its file with --token-file.",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise NotSignedInError(
                f"The token in {self.token_file} cannot be read: {error}.",
                hint="The file belongs to the user who runs the hub, and nobody else may read it.",
            ) from error
        if not token:
            raise NotSignedInError(f"{self.token_file} is empty.", hint="Restart the hub.")
        return token


def _told_by_hub(data_directory: Path) -> str | None:
    try:
        words = (data_directory / "hub.lock").read_text(errors="replace").strip()
    except OSError:
        return None
    return words if words.startswith(("http://", "https://")) else None


def _is_running(data_directory: Path) -> bool:
    """Whether a process holds the hub's lock.

    Without a hub, whoever listens on its port now must not be sent the token.
    """
    try:
        descriptor = os.open(data_directory / "hub.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)  # gives the lock back, too
    return False
