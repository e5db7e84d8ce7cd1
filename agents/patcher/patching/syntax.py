"""Notice a patch that breaks a file that could be read before."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Sequence

from patching.git import Git
from patching.outcome import Conflict
from patching.patch_text import display
from patching.policy import TreeChange

_MAX_BYTES = 1024**2
_MAX_YAML_BYTES = 256 * 1024  # its parser is slow
_REGULAR = ("100644", "100755")
_JSON_WITH_COMMENTS = ("tsconfig", "jsconfig", ".eslintrc", "devcontainer")


def _check_python(source: bytes) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<blob>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        return f"Python: {error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"Python: {error or type(error).__name__}"
    return None


def _check_json(source: bytes) -> str | None:
    try:
        json.loads(source.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        return f"JSON: {error.msg} (line {error.lineno})"
    except (ValueError, RecursionError) as error:
        return f"JSON: {error}"
    return None


def _check_toml(source: bytes) -> str | None:
    try:
        tomllib.loads(source.decode())
    except (ValueError, RecursionError) as error:
        return f"TOML: {error}"
    return None


def _check_yaml(source: bytes) -> str | None:
    if b"{{" in source or b"{%" in source or len(source) > _MAX_YAML_BYTES:
        return None  # a template is not YAML yet
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415 - slow to import, seldom needed
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - the same
    except ImportError:
        return None
    try:
        for _ in YAML(typ="safe", pure=True).parse(source.decode()):
            pass
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        return f"YAML: {getattr(error, 'problem', None) or 'cannot be read'}{where}"
    return None


def _checker(path: bytes) -> Callable[[bytes], str | None] | None:
    name = path.rpartition(b"/")[2].decode("utf-8", "replace").lower()
    if name.endswith((".py", ".pyi")):
        return _check_python
    if name.endswith(".json") and not name.startswith(_JSON_WITH_COMMENTS):
        return None if path.startswith(b".vscode/") else _check_json
    if name.endswith(".toml"):
        return _check_toml
    return _check_yaml if name.endswith((".yaml", ".yml")) else None


def syntax_errors(git: Git, changes: Sequence[TreeChange]) -> list[Conflict]:
    """Return the files that can no longer be read, or are new and cannot be read.

    A file that was broken before may stay broken. Files above 1 MiB are not judged.
    """
    found = []
    for change in changes:
        check = _checker(change.path)
        if check is None or change.new_mode not in _REGULAR:
            continue
        reason = _judge(git, change.new_id, check)
        if reason is None:
            continue
        if change.old_mode in _REGULAR and _judge(git, change.old_id, check) is not None:
            continue
        found.append(Conflict(display(change.path), reason))
    return found


def _judge(git: Git, object_id: str, check: Callable[[bytes], str | None]) -> str | None:
    if int(git.text("cat-file", "-s", object_id)) > _MAX_BYTES:
        return None
    return check(git.run("cat-file", "blob", object_id))
