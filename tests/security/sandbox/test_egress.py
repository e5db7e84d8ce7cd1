"""The network of a sandbox with an allow-list: that way out, and no other."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runtimes.sandbox.doctor import can_isolate
from commandcenter.runtimes.sandbox.runtime import SandboxRuntime
from commandcenter.runtimes.spec import AttemptKind, AttemptSpec, Limits, NetworkPolicy
from tests.security.sandbox.drive import end_runner

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")

PROGRAM = r"""
import json, os, socket, sys
asked = json.load(open("/in/input.json"))
found = {}

def exchange(data, host="127.0.0.1", port=3128):
    try:
        with socket.create_connection((host, port), 5) as s:
            s.settimeout(5)
            s.sendall(data)
            answer = b""
            while part := s.recv(65536):
                answer += part
            return answer.decode("latin-1")
    except OSError as error:
        return f"error: {error}"

for name, data in asked["proxy"].items():
    found[name] = exchange(data.encode())
for name, (host, port) in asked["direct"].items():
    found[name] = exchange(b"GET / HTTP/1.0\r\n\r\n", host, port)
try:
    found["name resolution"] = str(socket.getaddrinfo("localhost.example.org", 80))
except OSError as error:
    found["name resolution"] = f"error: {error}"
found["descriptors"] = sorted(
    os.readlink(f"/proc/self/fd/{n}").split(":")[0]
    for n in os.listdir("/proc/self/fd") if int(n) > 2 and os.path.lexists(f"/proc/self/fd/{n}")
)
found["processes"] = len([n for n in os.listdir("/proc") if n.isdigit()])
json.dump(found, open("/out/output.json", "w"))
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made.server_address[1]
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[SandboxRuntime]:
    made = SandboxRuntime(tmp_path / "data")
    yield made
    await made.close()
    end_runner(tmp_path / "data")


async def ask(
    runtime: SandboxRuntime, agent: Path, document: dict[str, dict[str, Any]], *allow: str
) -> tuple[dict[str, Any], str]:
    agent.mkdir()
    (agent / "main.py").write_text(PROGRAM)
    spec = AttemptSpec(
        attempt_id="network",
        kind=AttemptKind.JOB,
        command=("python", "main.py"),
        agent_directory=agent,
        input_json=json.dumps(document).encode(),
        workspace=None,
        limits=Limits(),
        timeout_seconds=40.0,
        network=NetworkPolicy(allow),
        warm=True,
    )
    handle = await runtime.start(spec)
    result = await runtime.wait(handle)
    log = "\n".join([line.text async for line in runtime.logs(handle, follow=True)])
    assert result.output is not None, log
    return json.loads(result.output), log


def get(url: str, *headers: str) -> str:
    return "\r\n".join([f"GET {url} HTTP/1.1", "Host: ignored.example", *headers, "", ""])


async def test_what_is_allowed_is_reached_and_nothing_else(
    runtime: SandboxRuntime, tmp_path: Path, server: int
) -> None:
    other = socket.create_server(("127.0.0.1", 0))
    closed = other.getsockname()[1]
    here = f"127.0.0.1:{server}"
    document: dict[str, dict[str, Any]] = {
        "proxy": {
            "plain": get(f"http://{here}/a?b=c", "Proxy-Authorization: Basic eA==", "X-Mine: 1"),
            "tunnel": f"CONNECT {here} HTTP/1.1\r\n\r\nGET /t HTTP/1.0\r\n\r\n",
            "another port": get(f"http://127.0.0.1:{closed}/"),
            "another port by tunnel": f"CONNECT 127.0.0.1:{closed} HTTP/1.1\r\n\r\n",
            "a name for it": get(f"http://localhost:{server}/"),
            "its number": get(f"http://2130706433:{server}/"),
            "its short form": get(f"http://127.1:{server}/"),
            "its mapped form": f"CONNECT [::ffff:127.0.0.1]:{server} HTTP/1.1\r\n\r\n",
            "the metadata service": get("http://169.254.169.254/latest/meta-data/"),
            "suffix trick": get(f"http://{here}.evil.example/"),
            "user information": get(f"http://{here}@evil.example/"),
            "user information before it": get(f"http://evil.example@{here}/"),
            "no proxy request": get("/etc/passwd"),
            "file": get("file:///etc/passwd"),
            "nonsense": "\0\0\0\0\r\n\r\n",
            "large head": "GET http://x/ HTTP/1.1\r\nA: " + "a" * 60_000 + "\r\n\r\n",
        },
        "direct": {
            "direct": ["127.0.0.1", server],
            "direct outside": ["1.1.1.1", 53],
            "direct metadata": ["169.254.169.254", 80],
        },
    }
    with other:
        found, log = await ask(
            runtime, tmp_path / "agent", document, here, "169.254.169.254:80", f"localhost:{server}"
        )
    assert '"path": "/a?b=c"' in found["plain"]
    assert f'"Host": "{here}"' in found["plain"]
    assert '"X-Mine": "1"' in found["plain"]
    assert "Proxy-Authorization" not in found["plain"]
    assert "Connection established" in found["tunnel"]
    assert '"path": "/t"' in found["tunnel"]
    for name in (*document["proxy"], *document["direct"]):
        if name in ("plain", "tunnel"):
            continue
        assert '"path"' not in found[name], name
        assert "200" not in found[name].split("\r\n")[0], name
    assert "403" in found["a name for it"]
    assert "not public" in log
    assert "never reachable" in log
    assert f"127.0.0.1:{closed} is not on" in log
    for name in ("direct", "direct outside", "direct metadata", "name resolution"):
        assert found[name].startswith("error"), found[name]
    assert not any(kind in ("socket", "pipe") for kind in found["descriptors"])
    assert found["processes"] == 2


async def test_without_an_allow_list_there_is_no_proxy(
    runtime: SandboxRuntime, tmp_path: Path, server: int
) -> None:
    document: dict[str, dict[str, Any]] = {
        "proxy": {"plain": get(f"http://127.0.0.1:{server}/")},
        "direct": {"direct": ["127.0.0.1", server]},
    }
    found, _ = await ask(runtime, tmp_path / "agent", document)
    assert found["plain"].startswith("error")
    assert found["direct"].startswith("error")


async def test_many_sandboxes_have_their_own_lists(
    runtime: SandboxRuntime, tmp_path: Path, server: int
) -> None:
    code = (
        "import json, os, urllib.request as u, sys\n"
        "o = u.build_opener(u.ProxyHandler({'http': os.environ['HTTP_PROXY']}))\n"
        "del os.environ['NO_PROXY'], os.environ['no_proxy']\n"
        "try: print(o.open(sys.argv[1], timeout=10).status)\n"
        "except OSError as e: print(e)\n"
    )

    async def one(number: int) -> str:
        allowed = number % 2 == 0
        spec = AttemptSpec(
            attempt_id=f"many-{number}",
            kind=AttemptKind.JOB,
            command=("python", "-c", code, f"http://127.0.0.1:{server}/"),
            agent_directory=None,
            input_json=b"{}",
            workspace=None,
            limits=Limits(),
            timeout_seconds=30.0,
            network=NetworkPolicy((f"127.0.0.1:{server if allowed else 1}",)),
        )
        handle = await runtime.start(spec)
        await runtime.wait(handle)
        lines = [line.text async for line in runtime.logs(handle, follow=True)]
        return next(line for line in lines if not line.startswith("network:"))

    answers = await asyncio.gather(*(one(number) for number in range(8)))
    assert answers == ["200", "HTTP Error 403: Forbidden"] * 4
