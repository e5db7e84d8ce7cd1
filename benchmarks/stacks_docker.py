"""The same stack on the same images: by the hub on Docker, and by `docker compose up --wait`.

Needs a Docker engine, the compose plugin, and the images of `benchmarks.images`. Both sides start
the compose file below with the data already there, one after the other in turn, so that the
machine's noise falls on both.
"""

import shutil
import subprocess
import time
from pathlib import Path

from benchmarks import images
from benchmarks.hub import running_hub
from benchmarks.stacks import add, folders, start, stop
from benchmarks.stats import Figure, table

ROUNDS = 5
_COMPOSE_SECONDS = 180
_BACKEND = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""
_FRONTEND = """
require("http").createServer((_, answer) => answer.end("ok")).listen(3000, "0.0.0.0")
"""
# Health is asked once a second, the shortest that compose can: the hub reads the same file.
_DEFINITION = """\
x-health: &health {interval: 1s, timeout: 3s, retries: 30}
services:
  postgres:
    image: postgres:16
    user: "999:999"
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: compared-with-compose, POSTGRES_DB: app}
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      <<: *health
      test: ["CMD", "/usr/lib/postgresql/15/bin/pg_isready", "-h", "127.0.0.1", "-U", "app"]
  redis:
    image: redis:7
    user: "999:999"
    healthcheck: {<<: *health, test: ["CMD", "redis-cli", "ping"]}
  backend:
    image: python:3.13-slim
    user: "1000:1000"
    working_dir: /app
    command: ["python", "-m", "uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
    volumes: [".:/app:ro"]
    ports: ["127.0.0.1:38411:8000"]
    depends_on:
      postgres: {condition: service_healthy}
      redis: {condition: service_healthy}
    healthcheck:
      <<: *health
      test: ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000')"]
  frontend:
    image: node:22-slim
    user: "1000:1000"
    working_dir: /app
    command: ["node", "server.js"]
    volumes: [".:/app:ro"]
    ports: ["127.0.0.1:38412:3000"]
    depends_on:
      backend: {condition: service_started}
    healthcheck:
      <<: *health
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:3000').catch(() => process.exit(1))"]
volumes: {data: {}}
"""


def why_not() -> str | None:
    """Why this cannot be measured here; None if it can."""
    for command, what in (
        (["docker", "info"], "no Docker engine answers"),
        (["docker", "compose", "version"], "docker has no compose plugin"),
    ):
        if shutil.which("docker") is None:
            return "docker is not installed"
        if subprocess.run(command, check=False, capture_output=True, timeout=30).returncode != 0:
            return what
    missing = [image.name for image in images.IMAGES if not images.is_there(image.name)]
    if missing:
        return f"images are missing: {', '.join(missing)} (python -m benchmarks.images)"
    return None


def project(place: Path) -> Path:
    folder = place / "compared"
    folder.mkdir()
    (folder / "main.py").write_text(_BACKEND)
    (folder / "server.js").write_text(_FRONTEND)
    (folder / "compose.yaml").write_text(_DEFINITION)
    return folder


def compose(folder: Path, *words: str) -> float:
    """Run `docker compose` with these words; milliseconds."""
    began = time.perf_counter()
    subprocess.run(
        ["docker", "compose", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=_COMPOSE_SECONDS,
    )
    return (time.perf_counter() - began) * 1000


def main() -> list[Figure]:
    ours: list[float] = []
    theirs: list[float] = []
    with folders() as place:
        folder = project(place)
        with running_hub({"COMMANDCENTER_STACK_RUNTIME": "docker"}, data=place / "hub") as hub:
            add(hub, folder, "compared")
            try:
                for number in range(ROUNDS + 1):  # the first of each makes the data
                    mine = start(hub, "compared")
                    stop(hub, "compared")
                    other = compose(folder, "up", "--detach", "--wait")
                    compose(folder, "down")
                    if number:
                        ours.append(mine)
                        theirs.append(other)
            finally:
                compose(folder, "down", "--volumes")
    return [
        Figure("stack on Docker, data present, to all healthy", ours, "<= 1.0x", theirs),
        Figure("reference: docker compose up --wait, the same file", theirs),
    ]


if __name__ == "__main__":
    problem = why_not()
    print(problem or table(main()))
