"""The licence and the dependencies that a package's manifest names."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MOST_DEPENDENCIES = 5_000
_COUNTABLE = 400_000


@dataclass(frozen=True, slots=True)
class Dependency:
    """A package by its registry's name. `licence` is empty when the file does not tell."""

    name: str
    ecosystem: str
    line: int
    licence: str = ""
    development: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    licence: str = ""
    line: int = 1
    name: str = ""
    dependencies: tuple[Dependency, ...] = ()


class ManifestError(Exception):
    """A manifest that is not in its format."""


def is_manifest(name: str) -> bool:
    return name in _READERS or bool(_REQUIREMENTS.match(name))


def read_manifest(name: str, text: str) -> Manifest:
    """Read a manifest by its file name. Raises `ManifestError`."""
    reader = _READERS.get(name) or (_requirements if _REQUIREMENTS.match(name) else None)
    if reader is None:
        raise ManifestError(f"{name} is no known manifest")
    try:
        return reader(text)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ManifestError(f"{name} could not be read: {type(error).__name__}") from error


def _line_of(text: str, needle: str, start: int = 0) -> int:
    index = text.find(needle, start)
    return text.count("\n", 0, index) + 1 if index >= 0 else 1


def _lines_of(text: str) -> dict[str, int]:
    """The first line of each quoted or bare word: where a dependency is named."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        for word in re.findall(r"[@A-Za-z0-9][\w@./-]{0,200}", line[:1000]):
            lines.setdefault(word.lower(), number)
    return lines


def _package_json(text: str) -> Manifest:
    data = json.loads(text)
    licence = data.get("license") or data.get("licenses") or ""
    if isinstance(licence, list):
        licence = " OR ".join(_npm_licence(entry) for entry in licence)
    lines = _lines_of(text)
    found = [
        Dependency(
            name, "npm", lines.get(name.lower(), 1), development=section == "devDependencies"
        )
        for section in (
            "dependencies",
            "optionalDependencies",
            "peerDependencies",
            "devDependencies",
        )
        for name in (data.get(section) or {})
    ]
    return Manifest(
        _npm_licence(licence),
        _line_of(text, '"license'),
        str(data.get("name") or ""),
        tuple(found[:_MOST_DEPENDENCIES]),
    )


def _npm_licence(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("type") or value.get("name") or ""
    text = str(value)
    return "" if text.upper().startswith("SEE LICENSE") else text


def _package_lock(text: str) -> Manifest:
    data = json.loads(text)
    lines = (
        {
            match.group(1): text.count("\n", 0, match.start()) + 1
            for match in re.finditer(r'"(node_modules/[^"\n]{1,300})"\s*:', text[:3_000_000])
        }
        if len(text) < _COUNTABLE
        else {}
    )  # counting lines is quadratic in huge files
    found = []
    for path, entry in (data.get("packages") or {}).items():
        if not path or not isinstance(entry, dict) or entry.get("link"):
            continue
        name = path.rpartition("node_modules/")[2]
        found.append(
            Dependency(
                name,
                "npm",
                lines.get(path, 1),
                _npm_licence(entry.get("license") or ""),
                bool(entry.get("dev")),
            )
        )
    return Manifest(dependencies=tuple(found[:_MOST_DEPENDENCIES]))


def _composer(text: str) -> Manifest:
    data = json.loads(text)
    lines = _lines_of(text)
    found = [
        Dependency(
            name, "composer", lines.get(name.lower(), 1), development=section == "require-dev"
        )
        for section in ("require", "require-dev")
        for name in (data.get(section) or {})
        if "/" in name
    ]
    licence = data.get("license") or ""
    if isinstance(licence, list):
        licence = " OR ".join(map(str, licence))
    return Manifest(licence, _line_of(text, '"license'), str(data.get("name") or ""), tuple(found))


def _composer_lock(text: str) -> Manifest:
    data = json.loads(text)
    lines = _lines_of(text)
    found = [
        Dependency(
            str(entry.get("name")),
            "composer",
            lines.get(str(entry.get("name")).lower(), 1),
            " OR ".join(map(str, entry.get("license") or [])),
            section == "packages-dev",
        )
        for section in ("packages", "packages-dev")
        for entry in data.get(section) or []
    ]
    return Manifest(dependencies=tuple(found[:_MOST_DEPENDENCIES]))


_PYTHON_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]{0,100})")
_CLASSIFIER = "License :: "


def _pyproject(text: str) -> Manifest:
    data = tomllib.loads(text)
    project = data.get("project") or {}
    poetry = (data.get("tool") or {}).get("poetry") or {}
    licence = project.get("license") or poetry.get("license") or ""
    if isinstance(licence, dict):
        # A file is read as a licence text of its own.
        licence = str(licence.get("text") or "")
    if len(licence) > 200:  # noqa: PLR2004  # a whole text, not a name
        from commandcenter_analysis.licences.texts import licence_of_text  # noqa: PLC0415

        licence = licence_of_text(licence) or ""
    if not licence:
        licence = _from_classifiers(project.get("classifiers") or [])
    lines = _lines_of(text)
    found = list(_python_requirements(project.get("dependencies") or [], lines, development=False))
    for extra in (project.get("optional-dependencies") or {}).values():
        found.extend(_python_requirements(extra, lines, development=False))
    for group in (data.get("dependency-groups") or {}).values():
        texts = [entry for entry in group if isinstance(entry, str)]
        found.extend(_python_requirements(texts, lines, development=True))
    found.extend(
        Dependency(_python_name(name), "pypi", lines.get(name.lower(), 1))
        for name in (poetry.get("dependencies") or {})
        if name.lower() != "python"
    )
    return Manifest(
        licence,
        _line_of(text, "license"),
        str(project.get("name") or poetry.get("name") or ""),
        tuple(found[:_MOST_DEPENDENCIES]),
    )


def _from_classifiers(classifiers: list[str]) -> str:
    names = [entry for entry in classifiers if entry.startswith(_CLASSIFIER)]
    specific = [entry for entry in names if entry.count("::") > 1] or names
    return " OR ".join(sorted({_short(entry) for entry in specific}))


def _short(classifier: str) -> str:
    from commandcenter_analysis.licences.expressions import normalise  # noqa: PLC0415

    return normalise(classifier.rpartition("::")[2].strip())


def _python_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _python_requirements(
    entries: list[str], lines: dict[str, int], *, development: bool
) -> Iterator[Dependency]:
    for entry in entries:
        match = _PYTHON_NAME.match(entry)
        if match:
            name = match.group(1)
            yield Dependency(
                _python_name(name), "pypi", lines.get(name.lower(), 1), development=development
            )


_REQUIREMENTS = re.compile(r"^requirements[\w.-]{0,60}\.(txt|in)$|^constraints\.txt$")


def _requirements(text: str) -> Manifest:
    found: dict[str, Dependency] = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = _PYTHON_NAME.match(line)
        if match and not line.lstrip().startswith(("#", "-")) and "://" not in line[:12]:
            name = _python_name(match.group(1))
            found.setdefault(name, Dependency(name, "pypi", number))
    return Manifest(dependencies=tuple(found.values())[:_MOST_DEPENDENCIES])


def _setup_cfg(text: str) -> Manifest:
    # Imported here: the format is old and rare.
    import configparser  # noqa: PLC0415

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError("not an INI file") from error
    classifiers = parser.get("metadata", "classifiers", fallback="").strip().splitlines()
    licence = parser.get("metadata", "license", fallback="") or _from_classifiers(
        [entry.strip() for entry in classifiers]
    )
    requires = parser.get("options", "install_requires", fallback="").strip().splitlines()
    found = _python_requirements(requires, _lines_of(text), development=False)
    return Manifest(
        licence,
        _line_of(text, "license"),
        parser.get("metadata", "name", fallback=""),
        tuple(found),
    )


def _python_metadata(text: str) -> Manifest:
    """A `METADATA` or `PKG-INFO` file of an installed distribution."""
    head = text.split("\n\n", 1)[0]
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        key, separator, value = line.partition(": ")
        if separator and not key.startswith(" "):
            fields.setdefault(key, []).append(value.strip())
    licence = (fields.get("License-Expression") or fields.get("License") or [""])[0]
    if not licence or len(licence) > 200 or licence.upper() == "UNKNOWN":  # noqa: PLR2004
        licence = _from_classifiers(fields.get("Classifier") or [])
    return Manifest(licence, _line_of(text, "License"), (fields.get("Name") or [""])[0])


def _cargo(text: str) -> Manifest:
    data = tomllib.loads(text)
    package = data.get("package") or (data.get("workspace") or {}).get("package") or {}
    lines = _lines_of(text)
    found = [
        Dependency(name, "cargo", lines.get(name.lower(), 1), development=section != "dependencies")
        for section in ("dependencies", "dev-dependencies", "build-dependencies")
        for name in (data.get(section) or {})
    ]
    licence = package.get("license")
    return Manifest(
        licence if isinstance(licence, str) else "",
        _line_of(text, "license"),
        str(package.get("name") or ""),
        tuple(found),
    )


_GO_REQUIRE = re.compile(
    r"^\s*(?:require\s+)?([a-z0-9.-]+\.[a-z]{2,}/[^\s]{1,200})\s+v\d", re.IGNORECASE
)


def _go_mod(text: str) -> Manifest:
    found = []
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("module "):
            name = line.removeprefix("module ").strip()
        match = _GO_REQUIRE.match(line)
        if match and "=>" not in line:
            found.append(Dependency(match.group(1), "go", number))
    return Manifest(name=name, dependencies=tuple(found))


def _pom(text: str) -> Manifest:
    # A document type is where entities are declared: such a file is refused, not expanded.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("a document type is not allowed")
    plain = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    licences = re.findall(r"<license>(.*?)</license>", plain, re.DOTALL)
    names = [
        match.group(1).strip()
        for entry in licences
        if (match := re.search(r"<name>([^<]{1,200})</name>", entry))
    ]
    found = []
    for match in re.finditer(r"<dependency>(.*?)</dependency>", plain, re.DOTALL):
        block = match.group(1)
        group = re.search(r"<groupId>([^<]{1,200})</groupId>", block)
        artifact = re.search(r"<artifactId>([^<]{1,200})</artifactId>", block)
        if group and artifact:
            found.append(
                Dependency(
                    f"{group.group(1).strip()}:{artifact.group(1).strip()}",
                    "maven",
                    _line_of(text, artifact.group(0)),
                    development="<scope>test</scope>" in block,
                )
            )
    return Manifest(
        " OR ".join(names), _line_of(text, "<license>"), "", tuple(found[:_MOST_DEPENDENCIES])
    )


_READERS = {
    "package.json": _package_json,
    "package-lock.json": _package_lock,
    "npm-shrinkwrap.json": _package_lock,
    "composer.json": _composer,
    "composer.lock": _composer_lock,
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "METADATA": _python_metadata,
    "PKG-INFO": _python_metadata,
    "Cargo.toml": _cargo,
    "go.mod": _go_mod,
    "pom.xml": _pom,
}
