"""`build`: a context in the project, and what is asked of the builder."""

from collections.abc import Mapping

from commandcenter.stacks.compose.confine import confined, is_remote
from commandcenter.stacks.compose.convert_environment import labels_of
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import OutsideProjectError, ProjectFiles, normalise
from commandcenter.stacks.compose.merging import as_mapping
from commandcenter.stacks.compose.units import parse_boolean, text_of
from commandcenter.stacks.model import Build

_DEFAULT_FILE = "Dockerfile"
_READ = frozenset(
    [
        "context",
        "dockerfile",
        "dockerfile_inline",
        "target",
        "args",
        "labels",
        "no_cache",
        "pull",
        "network",
    ]
)
_UNSAFE = {
    "entitlements": "it would give the build power over this machine",
    "ssh": "keys of this machine are not given to a build",
    "secrets": "secrets are not given to a build",
}
_HARMLESS = frozenset({"tags", "provenance", "sbom", "platforms"})


def build_of(service: Cursor, environment: Mapping[str, str], files: ProjectFiles) -> Build | None:
    """Return how the image is built, None if it is not."""
    build = service.get("build")
    if build is None:
        return None
    if not build.node.is_mapping:
        context = _context(build, build.text, files)
        return Build(context, _file(build, context, _DEFAULT_FILE, files)) if context else None
    _refuse(build)
    where = build.get("context")
    context = _context(where or build, where.text if where else ".", files)
    if context is None:
        return None
    inline = build.text_at("dockerfile_inline")
    name = build.get("dockerfile")
    if inline is not None and name is not None:
        name.invalid("there is a dockerfile_inline as well")
    file = _DEFAULT_FILE
    if inline is None:
        file = _file(name or build, context, name.text if name else _DEFAULT_FILE, files)
    return Build(
        context,
        file,
        inline,
        build.text_at("target"),
        _args(build, environment),
        labels_of(build),
        build.flag("no_cache"),
        build.flag("pull"),
        build.text_at("network") if build.text_at("network") == "none" else None,
    )


def _context(where: Cursor, path: str, files: ProjectFiles) -> str | None:
    if is_remote(path):
        where.unsafe(
            f"{path[:100]} would be fetched from elsewhere", "copy it into the project's folder"
        )
        return None
    return confined(path or ".", where, files)


def _file(where: Cursor, context: str, name: str, files: ProjectFiles) -> str:
    """Return the Dockerfile told from the project's folder."""
    path = name if name.startswith("/") else f"{context}/{name}"
    try:
        path = path if name.startswith("/") else normalise(path)
    except OutsideProjectError:
        where.unsafe(f"{name[:100]} leads out of the project's folder")
        return _DEFAULT_FILE
    return confined(path, where, files) or _DEFAULT_FILE


def _args(build: Cursor, environment: Mapping[str, str]) -> dict[str, str]:
    args = build.get("args")
    found: dict[str, str] = {}
    for name, value in as_mapping(args.node).value.items() if args else ():
        if value.value is not None:
            found[name] = text_of(value.value)
        elif name in environment:
            found[name] = environment[name]
    return found


def _refuse(build: Cursor) -> None:
    for name, option in build.items():
        if option.node.value in (None, [], {}) or name in _READ:
            continue
        if name in _UNSAFE:
            option.unsafe(_UNSAFE[name])
        elif name == "privileged":
            if option.parse(parse_boolean, default=True):
                option.unsafe("a privileged build has all power over this machine")
        elif name in _HARMLESS:
            option.note("the image is built for this machine and project alone")
        else:
            option.unsupported("the builder has no such option here")
    network = build.get("network")
    if network is not None and network.text == "host":
        network.unsafe("the build would be in this machine's own network")
    elif network is not None and network.text not in ("", "default", "none"):
        network.unsupported("a build uses the default network, or none")
