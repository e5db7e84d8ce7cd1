"""Following one run until it ends, whatever is shown of it meanwhile."""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.event_stream import Batch, EventStream, Reconnected, Reconnecting
from commandcenter.cli.problems import HubUnreachableError

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
_PATIENCE = 4.0
Run = dict[str, Any]


class FollowView(Protocol):
    """What shows a run. `tick_seconds`: how often it wants to be called when nothing happens."""

    tick_seconds: float

    def update(self, run: Run) -> None: ...

    def tick(self) -> None: ...

    def reconnecting(self) -> None: ...

    def reconnected(self) -> None: ...


def get_run(client: HubClient, run_id: str) -> Run:
    return dict(client.get(f"/runs/{segment(run_id)}"))


def is_over(run: Run) -> bool:
    return run["state"] in FINAL_STATES


def pending_approvals(run: Run) -> list[dict[str, Any]]:
    return [approval for approval in run["approvals"] if approval["state"] == "pending"]


def follow_run(
    client: HubClient,
    run_id: str,
    view: FollowView,
    *,
    until: Callable[[Run], bool] = is_over,
    timeout_seconds: float | None = None,
    stop: threading.Event | None = None,
) -> Run:
    """Return the run once `until` holds, the time is over or `stop` is set: look at its state.

    The events of the run are read from its first one, so that nothing is missed between looking
    and listening. They say when to look; what is shown is always the run as the hub has it.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    run = get_run(client, run_id)
    view.update(run)
    if until(run):
        return run
    stream = EventStream(client, after=0, run_id=run_id, stop=stop)
    is_stale = False
    looked_at, cost = 0.0, 0.0
    for item in stream.items(tick_seconds=view.tick_seconds):
        match item:
            case Reconnecting():
                view.reconnecting()
            case Reconnected():
                view.reconnected()
                is_stale = True
            case Batch(events=events):
                is_stale = is_stale or bool(events)
        # A run of thousands of steps takes long to read: then it is read less often.
        is_due = time.monotonic() - looked_at >= cost * _PATIENCE
        if is_stale and is_due and not isinstance(item, Reconnecting):
            began = time.monotonic()
            try:
                run = get_run(client, run_id)
            except HubUnreachableError:
                continue  # the stream will notice, too, and say so
            looked_at = time.monotonic()
            cost = looked_at - began
            is_stale = False
            view.update(run)
            if until(run):
                return run
        view.tick()
        if deadline is not None and time.monotonic() >= deadline:
            return run
    return run
