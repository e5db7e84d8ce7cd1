"""`commandcenter up`: the hub, and at the very first start a demonstration of what it does."""

import os
import threading
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from commandcenter.cli.command import command, noun
from commandcenter.cli.first_run import show_first_run
from commandcenter.cli.hosting import Hub, hub_settings, serve, warn_of_unknown_settings
from commandcenter.cli.problems import HubProblemError, describe
from commandcenter.cli.session import Cli
from commandcenter.cli.show_problem import problem_lines
from commandcenter.cli.up_words import show_ready, show_resumed
from commandcenter.hub.lock import keep_files_private
from commandcenter.hub.server import Ready
from commandcenter.hub.settings import OnStop, Settings
from commandcenter.kit.errors import ProblemError

app = noun("Start the hub.")

_JOIN_SECONDS = 5.0


@command(
    app,
    "up",
    examples=["up", "up --port 3334 --data-directory ./data", "up --no-demo"],
)
def up(
    cli: Cli,
    *,
    host: Annotated[
        str | None, typer.Option("--host", help="127.0.0.1 unless told otherwise.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="3333; 0 takes any free one.")
    ] = None,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="No demonstration at the first start.")
    ] = False,
    runtime: Annotated[
        str | None, typer.Option("--runtime", help="Where agents run: sandbox.")
    ] = None,
) -> None:
    """Start the hub and serve until Ctrl-C. The first start shows a run on a small repository."""
    settings = hub_settings(
        data_directory=cli.data_directory,
        host=host,
        port=port,
        runtime=runtime,
        # What happens is told in words; COMMANDCENTER_LOG_LEVEL=info tells of the rest.
        log_level=None if "COMMANDCENTER_LOG_LEVEL" in os.environ else "warning",
    )
    warn_of_unknown_settings(cli)
    keep_files_private()
    teller = _Teller(cli, with_demo=not no_demo)
    hub = Hub(settings, on_ready=teller.start, on_stop=teller.stopping)
    teller.url = hub.local_url
    try:
        serve(hub)
    finally:
        teller.stop()
    cli.err.print(Text("Stopped. What was under way goes on at the next start."))


class _Teller:
    """Tells on the terminal what goes on, from a thread of its own, through the hub's API."""

    def __init__(self, cli: Cli, *, with_demo: bool) -> None:
        self.url = ""
        self._outer = cli
        self._with_demo = with_demo
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, ready: Ready) -> None:
        """Begin. The hub calls it on its event loop, so it only starts the thread."""
        self._thread = threading.Thread(
            target=self._tell, args=(ready,), name="teller", daemon=True
        )
        self._thread.start()

    def stopping(self, settings: Settings) -> None:
        """Say that the hub has begun to stop, and what becomes of what runs."""
        then = (
            "what still runs then is left to the next start"
            if settings.on_stop is OnStop.LEAVE
            else "then those that may be run again are stopped"
        )
        self._stop.set()
        self._outer.err.print(
            Text(
                f"\nStopping: running agents get up to {settings.drain_seconds:.0f} s; {then}. "
                "Ctrl-C again ends the hub at once."
            )
        )

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _tell(self, ready: Ready) -> None:
        # The token's file is where this hub put it, whatever the environment says.
        options = replace(self._outer.options, json=False, url=None, token_file=None)
        cli = Cli(options, hub_url=self.url)
        try:
            show_ready(cli, ready)
            if ready.login_url is None:
                show_resumed(cli, self._stop)
            elif self._with_demo:
                show_first_run(cli, self._stop)
        except (ProblemError, HubProblemError) as error:
            if self._stop.is_set():
                return  # the hub went away because it was told to
            document = describe(error)[0]
            document["hint"] = cli.pasteable(document.get("hint") or "")
            for line in problem_lines(document):
                cli.err.print(line)
            cli.err.print(Text("The hub goes on serving."))
