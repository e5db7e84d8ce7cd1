"""Short programs of the machine's, run to their end from asynchronous code."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

DEVNULL, PIPE = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
_PIPES_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code (minus a signal's number), and what it wrote."""

    code: int
    output: bytes
    errors: bytes


async def run_program(
    *command: str, seconds: float, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a program without input and return what it wrote.

    Raises `TimeoutError` after `seconds`, and `OSError` if it cannot be started. It has ended
    whenever this returns or raises, on cancellation too.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
    )
    async with ended_afterwards(process), asyncio.timeout(seconds):
        output, errors = await process.communicate()
    return Finished(await process.wait(), output, errors)


@asynccontextmanager
async def ended_afterwards(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Kill the process if it still runs at the end, and wait for it."""
    try:
        yield
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):  # what it started may hold on to its pipes
                async with asyncio.timeout(_PIPES_SECONDS):
                    await process.communicate()
