"""Asking a service for its health, once."""

import asyncio
from dataclasses import dataclass

import httpx

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.stacks.ports import LOOPBACK
from commandcenter.stacks.prepared import Check, CommandCheck, HttpCheck

_MAX_WORDS = 300
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    healthy: bool
    words: str  # the service's own, for people


class Prober:
    """Asks any number of services; one per hub."""

    def __init__(self) -> None:
        self._http: httpx.AsyncClient | None = None

    async def ask(
        self, runtime: Runtime, handle: Handle, check: Check, timeout_seconds: float
    ) -> Answer:
        """Return the answer; never raises, and takes hardly longer than its time."""
        try:
            async with asyncio.timeout(timeout_seconds + 2.0):
                match check:
                    case CommandCheck():
                        return await _execute(runtime, handle, check, timeout_seconds)
                    case HttpCheck():
                        return await self._get(check, timeout_seconds)
        except TimeoutError:
            return Answer(healthy=False, words=f"no answer within {timeout_seconds:g} s")
        except ProblemError as error:
            return Answer(healthy=False, words=error.detail)
        except OSError as error:
            return Answer(healthy=False, words=str(error))

    async def _get(self, check: HttpCheck, timeout_seconds: float) -> Answer:
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        url = f"http://{LOOPBACK}:{check.host_port}{check.path}"
        try:
            async with self._http.stream(
                "GET", url, timeout=timeout_seconds, headers={"Connection": "close"}
            ) as response:
                words = f"GET {check.path}: {response.status_code} {response.reason_phrase}"
                return Answer(response.status_code < _FIRST_ERROR, words.strip())
        except httpx.TimeoutException:
            return Answer(
                healthy=False, words=f"GET {check.path}: no answer within {timeout_seconds:g} s"
            )
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            return Answer(healthy=False, words=f"GET {check.path}: {why}"[:_MAX_WORDS])

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()


async def _execute(
    runtime: Runtime, handle: Handle, check: CommandCheck, timeout_seconds: float
) -> Answer:
    done = await runtime.execute(handle, check.command, timeout_seconds=timeout_seconds)
    words = " ".join(done.output.split())[:_MAX_WORDS]
    if done.exit_code is None:
        return Answer(healthy=False, words=words or f"no answer within {timeout_seconds:g} s")
    healthy = done.exit_code == 0 and check.expected in done.output
    return Answer(healthy, words or f"exit code {done.exit_code}")
