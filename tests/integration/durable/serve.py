"""A hub (or a worker) in a process of its own, to be killed: prints one line once it is ready."""

import json
import sys

from commandcenter.hub.server import Ready, run
from commandcenter.hub.settings import Settings


def main() -> None:
    if sys.argv[1:] == ["worker"]:
        from commandcenter.hub.worker import run_worker  # noqa: PLC0415  # the hub has no need of it

        run_worker(Settings(), on_ready=lambda name: tell({"executor": name}))
        return

    def ready(found: Ready) -> None:
        tell({"url": found.url, "token": str(found.cli_token_file)})

    run(Settings(), on_ready=ready)


def tell(words: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
