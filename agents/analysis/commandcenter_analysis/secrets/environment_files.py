"""`.env` files in a repository: real values in them are secrets whatever their names."""

import re

from commandcenter_analysis.secrets.placeholders import is_placeholder

_TEMPLATES = ("example", "sample", "template", "dist", "defaults", "schema", "test", "ci")


def is_environment_file(path: str) -> bool:
    """Whether the file is a `.env` meant to be used, not a template of one."""
    name = path.rpartition("/")[2].lower()
    if name != ".env" and not name.startswith(".env.") and not name.endswith(".env"):
        return False
    return not any(word in name.split(".") for word in _TEMPLATES)


_CREDENTIAL = re.compile(
    r"(?i)(passw|pwd|secret|token|api_?key|access_?key|private_?key|credential|dsn|connection_string)"
)


def holds_a_credential(name: str) -> bool:
    """Whether a setting's name says that its value opens something."""
    return bool(_CREDENTIAL.search(name))


def settings_with_values(text: str) -> list[str]:
    """The names that are given a value of their own, in order."""
    names: list[str] = []
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip().strip("\"'")
        if not separator or not name or name.startswith("#") or not name.isascii():
            continue
        if value and not is_placeholder(value):
            names.append(name)
    return names
