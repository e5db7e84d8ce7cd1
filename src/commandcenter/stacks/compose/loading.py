"""From the files to one tree: variables, `include`, `extends` and overrides put together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from commandcenter.stacks.compose.dotenv import EnvFileError, parse_env_file
from commandcenter.stacks.compose.files import (
    MissingFileError,
    OutsideProjectError,
    PathKind,
    ProjectFileError,
    ProjectFiles,
)
from commandcenter.stacks.compose.merging import merge, strip_tags, without_repeats
from commandcenter.stacks.compose.problems import Findings, Place, Refusal
from commandcenter.stacks.compose.reading import read_yaml
from commandcenter.stacks.compose.source import (
    MAX_VALUES,
    Node,
    SourceError,
    mapping,
    scalar,
    with_child,
    without,
)
from commandcenter.stacks.compose.substitution import interpolate, is_local, join, rebase

MAX_FILES = 64
MAX_SERVICES = 100
_MAX_CHAIN = 32
_SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
_EMPTY_MAPPINGS = ("services", "volumes", "networks", "secrets", "configs")


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a file stands: the folder its paths are meant from, and the variables it sees."""

    folder: str
    environment: Mapping[str, str]
    trail: tuple[str, ...]  # the files that led here by include


@dataclass(frozen=True, slots=True)
class _Owner:
    """The services of one file, among which `extends` looks."""

    services: Node
    path: str
    scope: _Scope


class Loader:
    """Reads and joins files; problems go to `findings`, the names of files read to `read`."""

    def __init__(self, files: ProjectFiles, findings: Findings) -> None:
        self._files = files
        self._findings = findings
        self.read: dict[str, None] = {}
        self._reads = 0
        self._raw: dict[str, Node | None] = {}
        # By the identity of the variables, which are kept beside the tree so that it stays theirs.
        self._trees: dict[tuple[str, str, int], tuple[Node | None, Mapping[str, str]]] = {}

    def load(self, paths: tuple[str, ...], environment: Mapping[str, str]) -> Node | None:
        """Return the tree of these files, each put over those before it; None if none was read.

        Paths in it are told from the project's folder. Relative paths are meant from the folder
        of the first file.
        """
        located = [self._given(path) for path in paths]
        scope = _Scope(_folder(located[0]), environment, ())
        root = self._join([(path, Place(path)) for path in located], scope)
        return None if root is None else without_repeats(strip_tags(root))

    def _given(self, path: str) -> str:
        try:
            return self._files.locate(path)
        except ProjectFileError:
            return path  # reading it says what is wrong

    def environment(
        self, path: str, outside: Mapping[str, str], place: Place, where: str = ""
    ) -> dict[str, str]:
        """Return the variables of an env file; problems are reported, and it is empty then.

        `place` and `where` are the attribute that names the file.
        """
        text = self.text(path, place, where)
        if text is None:
            return {}
        try:
            return parse_env_file(text, outside.get)
        except EnvFileError as error:
            self._findings.refuse(Refusal.INVALID, "", Place(path, error.line), str(error))
            return {}

    def text(self, path: str, place: Place, what: str, *, required: bool = True) -> str | None:
        """Return the text of a file of the project, None after reporting why there is none."""
        self._reads += 1
        if self._reads > MAX_FILES:
            message = f"more than {MAX_FILES} files are to be read"
            self._findings.refuse(Refusal.INVALID, what, place, message)
            return None
        try:
            located = self._files.locate(path)
            text = self._files.read(located)
        except OutsideProjectError as error:
            self._findings.refuse(
                Refusal.UNSAFE, what, place, str(error), "keep it in the project's folder"
            )
        except MissingFileError as error:
            if required:
                self._findings.refuse(Refusal.INVALID, what, place, str(error))
        except ProjectFileError as error:
            self._findings.refuse(Refusal.INVALID, what, place, str(error))
        else:
            self.read[located] = None
            return text
        return None

    def _join(self, paths: list[tuple[str, Place]], scope: _Scope) -> Node | None:
        whole: Node | None = None
        for path, place in paths:
            root = self._file(path, place, scope)
            if root is None:
                continue
            try:
                whole = root if whole is None else merge(whole, root)
            except SourceError as error:
                self._report(error)
        return whole

    def _file(self, path: str, place: Place, scope: _Scope) -> Node | None:
        root = self._tree(path, place, scope)
        if root is None:
            return None
        try:
            root = self._with_includes(root, replace(scope, trail=(*scope.trail, path)))
            return self._with_extends(root, path, scope)
        except SourceError as error:
            self._report(error)
            return None

    def _tree(self, path: str, place: Place, scope: _Scope) -> Node | None:
        """Return one file: variables replaced, paths told from the project's folder."""
        key = (path, scope.folder, id(scope.environment))
        if key not in self._trees:
            self._trees[key] = (self._prepare(path, place, scope), scope.environment)
        return self._trees[key][0]

    def _prepare(self, path: str, place: Place, scope: _Scope) -> Node | None:
        if path not in self._raw:
            text = self.text(path, place, "")
            self._raw[path] = self._parse(text, path) if text is not None else None
        root = self._raw[path]
        if root is None:
            return None
        try:
            root = interpolate(_settled(root), scope.environment.get, self._findings)
            return rebase(root, scope.folder)
        except SourceError as error:
            self._report(error)
            return None

    def _parse(self, text: str, path: str) -> Node | None:
        try:
            root = read_yaml(text, path)
        except SourceError as error:
            self._report(error)
            return None
        if root is None or not root.is_mapping:
            self._findings.refuse(
                Refusal.INVALID, "", Place(path, 1, 1), "a compose file is a mapping with services"
            )
            return None
        return root

    def _with_includes(self, root: Node, scope: _Scope) -> Node:
        include = root.get("include")
        if include is None:
            return root
        root = without(root, "include")
        for entry in include.value if include.is_list else [include]:
            included = self._include(entry, scope)
            for section in _SECTIONS if included is not None else ():
                theirs = included.get(section) if included is not None else None
                if theirs is None:
                    continue
                ours = root.get(section)
                joined = theirs if ours is None else merge(theirs, ours, (section,))
                root = with_child(root, section, joined)
        return root

    def _include(self, entry: Node, scope: _Scope) -> Node | None:
        entry = entry if entry.is_mapping else mapping({"path": entry}, entry.place)
        paths = _strings(entry.get("path"))
        if not paths:
            self._findings.refuse(Refusal.INVALID, "include", entry.place, "path is missing")
            return None
        located: list[tuple[str, Place]] = []
        for path in paths:
            name = self._locate(path, "include", scope.folder)
            if name is None:
                return None
            if name in scope.trail:
                chain = " -> ".join((*scope.trail, name))
                message = f"the files include each other: {chain}"
                self._findings.refuse(Refusal.INVALID, "include", path.place, message)
                return None
            located.append((name, path.place))
        if len(scope.trail) > _MAX_CHAIN:
            raise SourceError(f"included through more than {_MAX_CHAIN} files", entry.place)
        folder: str | None = _folder(located[0][0])
        directory = entry.get("project_directory")
        if directory is not None and isinstance(directory.value, str):
            folder = self._locate(directory, "include.project_directory", scope.folder)
        if folder is None:
            return None
        environment = self._include_environment(entry, folder, scope)
        return self._join(located, _Scope(folder, environment, scope.trail))

    def _include_environment(self, entry: Node, folder: str, scope: _Scope) -> dict[str, str]:
        found: dict[str, str] = {}
        env_files = _strings(entry.get("env_file"))
        for node in env_files:
            path = self._locate(node, "include.env_file", scope.folder)
            if path is not None:
                outside = {**found, **scope.environment}
                found |= self.environment(path, outside, node.place, "include.env_file")
        default = join(folder, ".env")
        if not env_files and self._is_file(default):
            found = self.environment(default, scope.environment, entry.place)
        return {**found, **scope.environment}

    def _is_file(self, path: str) -> bool:
        try:
            return self._files.kind(path) is PathKind.FILE
        except ProjectFileError:
            return False

    def _with_extends(self, root: Node, path: str, scope: _Scope) -> Node:
        services = root.get("services")
        if services is None or not services.is_mapping:
            return root
        if len(services.value) > MAX_SERVICES:
            raise SourceError(f"more than {MAX_SERVICES} services", services.place)
        extended: dict[str, Node] = {}
        size = 0
        for name in services.value:
            extended[name] = self._extended(name, _Owner(services, path, scope), ((path, name),))
            size += extended[name].size
            if size > MAX_VALUES:  # told here, before more is built
                raise SourceError(f"more than {MAX_VALUES:,} values after extends", services.place)
        return with_child(root, "services", mapping(extended, services.place, services.keys))

    def _extended(self, name: str, owner: _Owner, trail: tuple[tuple[str, str], ...]) -> Node:
        service: Node = owner.services.value[name]
        extends = service.get("extends") if service.is_mapping else None
        if extends is None:
            return service
        own = without(service, "extends")
        base = self._base_of(f"services.{name}.extends", extends, owner)
        if base is None:
            return own
        base_name, base_owner = base
        step = (base_owner.path, base_name)
        if step in trail or len(trail) > _MAX_CHAIN:
            chain = " -> ".join(service_name for _, service_name in (*trail, step))
            message = f"the services extend each other: {chain}"
            shown = f"services.{name}.extends"
            self._findings.refuse(Refusal.INVALID, shown, extends.place, message)
            return own
        found = self._extended(base_name, base_owner, (*trail, step))
        return merge(found, own, ("services", name)) if found.is_mapping else own

    def _base_of(self, shown: str, extends: Node, owner: _Owner) -> tuple[str, _Owner] | None:
        """Return the name of the service that is extended and what it stands in."""
        wanted = extends.get("service") if extends.is_mapping else extends
        file = extends.get("file") if extends.is_mapping else None
        if wanted is None or not isinstance(wanted.value, str):
            self._findings.refuse(Refusal.INVALID, shown, extends.place, "service is missing")
            return None
        if file is not None and file.value is not None:
            path = self._locate(file, shown, owner.scope.folder)
            if path is None:
                return None
            scope = replace(owner.scope, folder=_folder(path))
            other = self._tree(path, file.place, scope)
            services = other.get("services") if other is not None else None
            owner = _Owner(services or mapping({}, file.place), path, scope)
            if other is None:
                return None
        if owner.services.get(wanted.value) is None:
            message = f"there is no service {wanted.value[:100]} in {owner.path}"
            self._findings.refuse(Refusal.INVALID, shown, wanted.place, message)
            return None
        return wanted.value, owner

    def _locate(self, node: Node, what: str, folder: str) -> str | None:
        path = str(node.value)
        if not is_local(path) and not path.startswith(("/", "~")):
            message = f"{path[:100]} is fetched from elsewhere"
            hint = "copy it into the project's folder"
            self._findings.refuse(Refusal.UNSAFE, what, node.place, message, hint)
            return None
        try:
            return self._files.locate(join(folder, path) if is_local(path) else path)
        except OutsideProjectError as error:
            hint = "keep it in the project's folder"
            self._findings.refuse(Refusal.UNSAFE, what, node.place, str(error), hint)
        except ProjectFileError as error:
            self._findings.refuse(Refusal.INVALID, what, node.place, str(error))
        return None

    def _report(self, error: SourceError) -> None:
        self._findings.refuse(error.refusal, "", error.place, error.message, error.hint)


def _settled(root: Node) -> Node:
    """Return the tree with empty sections as empty mappings."""
    for name in _EMPTY_MAPPINGS:
        section = root.get(name)
        if section is not None and section.value is None and not section.tag:
            root = with_child(root, name, mapping({}, section.place))
    return root


def _strings(node: Node | None) -> list[Node]:
    if node is None or node.value is None:
        return []
    return [
        item if isinstance(item.value, str) else scalar(str(item.value), item.place)
        for item in (node.value if node.is_list else [node])
        if not item.is_mapping
    ]


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."
