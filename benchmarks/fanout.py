"""From an event's storing to its arrival at 200 WebSocket clients."""

import asyncio
import json
import time
from datetime import UTC, datetime

from websockets.asyncio.client import connect

from benchmarks.hub import Hub, add_fibonacci, running_hub
from benchmarks.stats import Figure, table

CLIENTS = 200
EVENTS = 60
_WORKFLOW = """\
name: one-node
nodes:
  only: {agent: fibonacci, with: {n: 1}}
"""


async def measure(hub: Hub) -> list[float]:
    """Milliseconds per event and client; both clocks are this machine's."""
    address = f"{hub.url.replace('http', 'ws', 1)}/api/v1/ws"
    headers = {"Authorization": f"Bearer {hub.token}"}
    samples: list[float] = []

    async def client() -> None:
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            ready.release()
            while True:
                message = json.loads(await socket.recv())
                now = datetime.now(UTC)
                if "at" in message and message.get("id"):
                    at = datetime.fromisoformat(message["at"])
                    samples.append((now - at).total_seconds() * 1000)

    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    for _ in range(CLIENTS):
        await ready.acquire()
    deadline = time.monotonic() + 60
    while len(samples) < CLIENTS * EVENTS and time.monotonic() < deadline:
        await asyncio.to_thread(hub.start, "one-node")
        await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return samples


def main() -> list[Figure]:
    with running_hub() as hub:
        add_fibonacci(hub)
        hub.add_workflow(_WORKFLOW)
        samples = asyncio.run(measure(hub))
    return [Figure(f"event stored to {CLIENTS} WebSocket clients", samples, "p99 20")]


if __name__ == "__main__":
    print(table(main()))
