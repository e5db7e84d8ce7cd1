"""`commandcenter worker`: one more process that executes runs."""

from commandcenter.cli.command import command, noun
from commandcenter.cli.hosting import hub_settings, warn_of_unknown_settings
from commandcenter.cli.session import Cli
from commandcenter.hub.lock import keep_files_private
from commandcenter.hub.worker import run_worker

app = noun("Execute runs beside a hub.")


@command(app, "worker", examples=["worker", "worker --data-directory /srv/commandcenter"])
def worker(cli: Cli) -> None:
    """Execute runs until Ctrl-C. Needs PostgreSQL and the hub's data directory, shared."""
    settings = hub_settings(data_directory=cli.data_directory)
    warn_of_unknown_settings(cli)
    keep_files_private()

    def ready(executor_id: str) -> None:
        cli.err.print(f"Worker {executor_id} is ready.")

    run_worker(settings, on_ready=ready)
    cli.err.print("Stopped.")
