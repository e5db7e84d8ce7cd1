"""Keep services from the machine itself and from the world, where the hub may say so.

An engine's bridge leads to the machine: what listens there on all addresses can be reached from a
container, and packets are passed on. All bridges of ours have names that begin alike, so that two
rules for all of them refuse every connection that a container begins and that does not stay on a
bridge. Connections that others began, through published ports, are answered.
"""

import asyncio
import os
import shutil

from commandcenter.kit.processes import run_program
from commandcenter.runtimes.errors import RuntimeRefusedError

BRIDGE_PREFIX = "cc-"
_ENGINES_CHAIN = "DOCKER-USER"  # is asked before the engine's own rules, and stays when it restarts
_SECONDS = 20.0
_BEGUN_INSIDE = ("-i", f"{BRIDGE_PREFIX}+", "-m", "conntrack", "--ctstate", "NEW")
_REFUSED = ("-j", "REJECT")
_TO_MACHINE = (*_BEGUN_INSIDE, *_REFUSED)
_TO_WORLD = (*_BEGUN_INSIDE, "!", "-o", f"{BRIDGE_PREFIX}+", *_REFUSED)


def is_possible() -> bool:
    """Whether this user may set rules; others are told so in the runtime's problems."""
    return os.geteuid() == 0


async def keep_inside() -> None:
    """Have both rules in place; idempotent. Raises `RuntimeRefusedError`."""
    if not is_possible():
        return
    if shutil.which("iptables") is None:
        raise RuntimeRefusedError(
            "Services cannot be kept from this machine's own network: there is no iptables.",
            hint="Install it (Debian: apt install iptables), or use the sandbox runtime.",
        )
    rules = (("INPUT", _TO_MACHINE), (_ENGINES_CHAIN, _TO_WORLD))
    if await asyncio.gather(*(_call("-C", place, *rule) for place, rule in rules)) == [None, None]:
        return
    chain = _ENGINES_CHAIN if await _call("-n", "-L", _ENGINES_CHAIN) is None else "FORWARD"
    for place, rule in (("INPUT", _TO_MACHINE), (chain, _TO_WORLD)):
        if await _call("-C", place, *rule) is not None:
            problem = await _call("-I", place, "1", *rule)
            if problem is not None:
                raise RuntimeRefusedError(
                    f"Services cannot be kept from this machine's own network: {problem}.",
                    hint="Use the sandbox runtime.",
                )


async def _call(*arguments: str) -> str | None:
    """None of a success, else what iptables said."""
    try:
        done = await run_program("iptables", "-w", "10", *arguments, seconds=_SECONDS)
    except TimeoutError:
        return "iptables does not answer"
    text = done.errors.decode("utf-8", "replace").strip()
    return None if done.code == 0 else text or f"iptables ended with {done.code}"
