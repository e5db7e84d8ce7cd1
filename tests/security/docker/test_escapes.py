"""The same escape attempts as in the sandbox, in a container of a real engine."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.runtimes.docker.runtime import DockerRuntime
from tests.conformance.runtimes.harness import job

# What an engine's own seccomp profile and masks leave, and the sandbox's do not. The group of
# system calls is not asked for: the profile is the engine's, and differs with its version.
LEFT_BY_THE_ENGINE = {
    "host place /sys/kernel",  # to be read, without what says something of the host
    "vsock socket",  # refused by Docker 23 and newer
    "netlink netfilter",
    "netlink audit",
    "netlink uevent",
    "netlink generic",
}


@pytest.fixture
async def runtime(docker_host: str) -> AsyncIterator[DockerRuntime]:
    data = Path(tempfile.mkdtemp(prefix="cc-escapes-"))
    runtime = DockerRuntime(data)
    yield runtime
    await runtime.close()
    shutil.rmtree(data, ignore_errors=True)


@pytest.mark.parametrize("group", ["files", "processes", "kernel", "sockets", "privilege"])
async def test_escapes_are_refused(
    group: str, runtime: DockerRuntime, agent: Path, canaries: bytes
) -> None:
    spec = job(
        command=("python", "/agent/probes.py", group), agent_directory=agent, input_json=canaries
    )
    handle = await runtime.start(spec)
    result = await runtime.wait(handle)
    assert result.output is not None, result.message
    results: dict[str, str] = json.loads(result.output)
    assert len(results) > 5
    reached = {name for name, said in results.items() if not said.startswith("refused: ")}
    assert reached <= LEFT_BY_THE_ENGINE
    await runtime.remove(handle)


async def test_containers_do_not_see_each_other(runtime: DockerRuntime) -> None:
    first = await runtime.start(job("echo mine > /tmp/mine; echo up; sleep 60"))
    async for line in runtime.logs(first, follow=True):
        assert line.text == "up"
        break
    look = "ls /tmp; ls /proc | grep -c '^[0-9]'; ls /run/docker.sock /var/run/docker.sock"
    second = await runtime.start(job(look))
    await runtime.wait(second)
    texts = [line.text async for line in runtime.logs(second)]
    out = [text for text in texts if not text.startswith("ls:")]
    assert len(out) == 1
    assert int(out[0]) <= 5
    assert len(texts) == 3
    for handle in (first, second):
        await runtime.remove(handle)
