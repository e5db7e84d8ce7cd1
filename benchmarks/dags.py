"""Five-node DAGs (1-3-1) of agents that do nothing: one at a time, and a hundred at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.hub import Hub, add_fibonacci, milliseconds, running_hub
from benchmarks.stats import Figure, table

SINGLE_RUNS = 30
AT_ONCE = 100
_WORKFLOW = """\
name: five-nodes
nodes:
  first: {agent: fibonacci, with: {n: 1}}
  left: {agent: fibonacci, needs: [first], with: {n: 1}}
  middle: {agent: fibonacci, needs: [first], with: {n: 1}}
  right: {agent: fibonacci, needs: [first], with: {n: 1}}
  last: {agent: fibonacci, needs: [left, middle, right], with: {n: 1}}
"""


def one_at_a_time(hub: Hub, runs: int = SINGLE_RUNS) -> list[float]:
    samples = []
    for number in range(runs + 2):
        run = hub.wait(hub.start("five-nodes"))
        assert run["state"] == "succeeded", run["message"]
        if number > 1:
            samples.append(milliseconds(run))
        time.sleep(0.5)
    return samples


def all_at_once(hub: Hub, count: int = AT_ONCE) -> float:
    """Milliseconds from the first request to the end of the last run, seen over one WebSocket."""
    with hub.events() as events:
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            waiting = set(pool.map(lambda _: hub.start("five-nodes"), range(count)))
        failed = []
        while waiting:
            event = events.next()
            if event["type"] == "run.finished":
                waiting.discard(event["run_id"])
                if event["data"]["state"] != "succeeded":
                    failed.append(event)
        elapsed = (time.perf_counter() - began) * 1000
    assert not failed, f"{len(failed)} of {count} failed: {failed[0]['data']}"
    return elapsed


def main() -> list[Figure]:
    with running_hub() as hub:
        add_fibonacci(hub)
        hub.add_workflow(_WORKFLOW)
        single = one_at_a_time(hub)
        together = [all_at_once(hub) for _ in range(3)]
    return [
        Figure("five-node DAG (1-3-1), trigger to finished", single, "p50 150, p95 300"),
        Figure(f"{AT_ONCE} five-node DAGs at once, all done", together, "<= 10000"),
    ]


if __name__ == "__main__":
    print(table(main()))
