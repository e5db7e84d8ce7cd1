"""What a failed agent said last on standard error: mostly why it failed."""

import json
from typing import Any

from commandcenter.cli.client import segment
from commandcenter.cli.problems import HubProblemError, HubUnreachableError
from commandcenter.cli.progress import readable
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import one_line

_JSON_LINES = "application/x-ndjson"
_LOOKED_AT = 20
_MAX_LENGTH = 300


def last_words(cli: Cli, run_id: str, step: dict[str, Any]) -> str | None:
    """Return the last line of the step's latest attempt; None if there is none, or none new."""
    path = f"/runs/{segment(run_id)}/steps/{segment(step['node'])}/logs"
    try:
        text = cli.client.text(path, accept=_JSON_LINES, tail=_LOOKED_AT, stream="stderr")
    except (HubProblemError, HubUnreachableError):
        return None  # the summary does without
    for line in reversed(text.splitlines()):
        said = json.loads(line)["text"]
        words = one_line(said, _MAX_LENGTH).strip()
        if words and readable(said) == said:  # how far it was is no reason
            return None if words in (step["message"] or "") else words
    return None
