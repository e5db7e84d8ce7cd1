"""What is written for one attempt, to be mounted: its input, its secrets, its small files."""

import os
from pathlib import Path

from commandcenter.runner.plan import SandboxPlan
from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.docker.config import Mount
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.spec import AttemptSpec


def hidden_files(spec: AttemptSpec) -> dict[str, dict[str, tuple[bytes, int]]]:
    secrets = {
        name: (value.encode("utf-8", "surrogateescape"), 0o400)
        for name, value in spec.secret_files.items()
    }
    granted = spec.service.files if spec.service else ()
    files = {str(index): (file.content, file.mode & 0o555) for index, file in enumerate(granted)}
    return {"secrets": secrets, "files": files}


def hidden_mounts(spec: AttemptSpec, places: dict[str, Path]) -> list[Mount]:
    mounts = []
    if "secrets" in places:
        mounts.append(Mount(str(places["secrets"]), "/run/secrets"))
    if "files" in places and spec.service is not None:
        for index, file in enumerate(spec.service.files):
            mounts.append(Mount(str(places["files"] / str(index)), file.target))
    return mounts


def written(
    places: Places, spec: AttemptSpec, plan: SandboxPlan, identity: Identity
) -> list[Mount]:
    """The small files that an attempt finds, and a job's /in and /out, in its own directory."""
    home = places.inside(spec.attempt_id, "files")
    home.mkdir(mode=0o700, exist_ok=True)
    files = dict(plan.files)
    if spec.image is None:
        files |= _accounts(plan)
    mounts = []
    for index, (target, data) in enumerate(files.items()):
        path = home / str(index)
        path.write_bytes(data)
        path.chmod(0o444)
        mounts.append(Mount(str(path), target))
    if spec.service is None:
        mounts += _job_places(places, spec, identity)
    return mounts


def _accounts(plan: SandboxPlan) -> dict[str, bytes]:
    user = f"{plan.user}:x:{plan.uid}:{plan.gid}:{plan.user}:/home/{plan.user}:/bin/sh\n"
    nobody = "nobody:x:65534:65534::/:/bin/false\n"
    group = f"{plan.user}:x:{plan.gid}:\nnogroup:x:65534:\n"
    return {"/etc/passwd": f"{user}{nobody}".encode(), "/etc/group": group.encode()}


def _job_places(places: Places, spec: AttemptSpec, identity: Identity) -> list[Mount]:
    entry = places.inside(spec.attempt_id, "in")
    out = places.inside(spec.attempt_id, "out")
    artifacts = out / "artifacts"
    for directory in (entry, out, artifacts):
        directory.mkdir(mode=0o755, exist_ok=True)
        directory.chmod(0o755)
    document = entry / "input.json"
    document.write_bytes(spec.input_json)
    document.chmod(0o444)
    for directory in (out, artifacts):
        if os.geteuid() == 0:
            os.chown(directory, identity.uid, identity.gid)
    return [Mount(str(entry), "/in"), Mount(str(out), "/out", writable=True)]
