"""`commandcenter version`."""

from commandcenter import __version__
from commandcenter.cli.command import command, noun
from commandcenter.cli.problems import CliError
from commandcenter.cli.session import Cli

app = noun("The versions of this program and of the hub.")


@command(app, "version", examples=["version", "version --json"])
def version(cli: Cli) -> None:
    """Print the versions of this program and of the hub, when one runs."""
    try:
        hub = cli.client.hub_version()
    except CliError:
        hub = None

    def show() -> None:
        cli.out.print(f"commandcenter {__version__}")
        if hub is None:
            cli.out.print("hub           (none is running)")
        else:
            differs = "" if hub == __version__ else "  (restart the hub to have one version)"
            cli.out.print(f"hub           {hub}{differs}")

    cli.emit({"version": __version__, "hub": hub}, show)
