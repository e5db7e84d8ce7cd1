"""Secrets without a provider's form: a value assigned to a name like `db_password`."""

import re
from dataclasses import dataclass

from commandcenter_analysis.findings import Confidence
from commandcenter_analysis.secrets.placeholders import entropy, is_placeholder

KEYWORDS = (
    "passw",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "auth_key",
    "authkey",
    "encryption_key",
    "encryptionkey",
    "signing_key",
    "signingkey",
    "credential",
)

_NAME = (
    r"(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?)"
)
# The name, with what may come before and after it; then the assignment; then a value in quotes.
QUOTED = (
    rf"(?i)([a-z0-9_.\-]{{0,40}}{_NAME}[a-z0-9_\-]{{0,20}})['\"]?\]?\s{{0,8}}"
    r"(?::\s{0,3}[a-z]{1,12}\s{0,3}=|=>|:=|==?=?|:)\s{0,8}[bru]{0,2}"
    r"(?:\"([^\"\n\\]{6,200})\"|'([^'\n\\]{6,200})'|`([^`\n\\]{6,200})`)"
)
# In files of settings the value needs no quotes.
BARE = (
    rf"(?im)^\s{{0,40}}(?:export\s{{1,3}}|-\s{{1,3}}|set\s{{1,3}})?"
    rf"([a-z0-9_.\-]{{0,40}}{_NAME}[a-z0-9_\-]{{0,20}})\s{{0,8}}[=:]\s{{0,8}}"
    r"([^\s'\"`#;,{}\[\]()<>$&|*!%]{6,200})[ \t]*(?:#[^\n]*|;[^\n]*)?\r?$"
)

SETTINGS_SUFFIXES = (
    ".env",
    ".ini",
    ".cfg",
    ".conf",
    ".config",
    ".properties",
    ".yml",
    ".yaml",
    ".toml",
    ".tfvars",
    ".envrc",
    ".npmrc",
    ".netrc",
    ".pypirc",
)

# `token_url`, `password_field`, `secret_name`: what the name is about is not the secret.
_ABOUT = re.compile(
    r"(?i)(_?(url|uri|path|file|dir|field|name|label|type|id|ids|header|param|length|len|size"
    r"|prefix|suffix|regex|pattern|policy|format|hint|message|msg|error|text|title|placeholder"
    r"|expiry|expires|expire|at|ttl|timeout|algorithm|alg|scheme|provider|version|count|limit|max|min"
    r"|enabled|required|class|style|icon|button|input|form|template|column|table|ref|arn|env|var"
    r"|manager|store|service|kind|mode|status|state|endpoint|audience|scope|scopes|issuer|usage"
    r"|types?|set|list|map|help|description|address|addr|caption|subject|salt_rounds|rounds|link|page|view|route|screen|modal|rule|validator|strength|reset|change|confirm\w*))$"
)
_PUBLIC = re.compile(
    r"(?i)(^label|^msg|^text|public|csrf|xsrf|tokeni[sz]|css|keyword|page_?token|next_?token|cursor)"
)
_PASSWORD = re.compile(r"(?i)(passw|pwd|passphrase)")
_CODE = re.compile(
    r"^[A-Za-z_][\w]*([.:/\\-][A-Za-z_][\w]*)+$|[(){};]|^\w+\(|=>|^/|^\./|^https?://"
)
_WORD = re.compile(r"^[A-Za-z]+([_ -][A-Za-z]+)*$")
_VERSION = re.compile(r"^[~^=<>v]*\d+\.\d+(\.\d+)*([-+].*)?$")
_ADDRESS = re.compile(r"^0x[0-9a-fA-F]{40}$")
_HASHED = re.compile(r"^(\$2[aby]\$|\$argon2|\$6\$|\$5\$|pbkdf2|sha(1|256|512)[:$-])")
_STRONG_ENTROPY = 3.5
_LEAST_PASSWORD = 6
_LEAST_TOKEN = 12


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value assigned to a name that says it is secret; `start` and `end` are of the value."""

    name: str
    value: str
    start: int
    end: int


def names_a_secret(name: str) -> bool:
    return not _ABOUT.search(name) and not _PUBLIC.search(name)


def judge(found: Assignment) -> Confidence | None:
    """How surely the value is a secret, or None when it is not one."""
    value = found.value.strip()
    if (
        not names_a_secret(found.name)
        or is_placeholder(value)
        or _HASHED.match(value)
        or _ADDRESS.match(value)
        or _VERSION.match(value)
        or _CODE.search(value)
        or " " in value
        or not value.isascii()
    ):
        return None
    if _same_words(found.name, value):
        return None
    bits = entropy(value)
    if _PASSWORD.search(found.name):
        return _judge_password(value, bits)
    if len(value) < _LEAST_TOKEN or _WORD.match(value) or bits < 3.0:  # noqa: PLR2004  # bits per character
        return None
    if not any(character.isdigit() for character in value):
        return None
    return Confidence.MEDIUM if bits >= _STRONG_ENTROPY else Confidence.LOW


def _judge_password(value: str, bits: float) -> Confidence | None:
    if len(value) < _LEAST_PASSWORD or bits < 2.0:  # noqa: PLR2004  # bits per character
        return None
    if _WORD.match(value):
        # One plain word is rather a label than a password.
        return None
    return Confidence.MEDIUM if bits >= 2.75 else Confidence.LOW  # noqa: PLR2004


def _same_words(name: str, value: str) -> bool:
    """`password="user_password"`: a field's name repeated, not a secret."""
    plain_name = re.sub(r"[^a-z]", "", name.lower())
    plain_value = re.sub(r"[^a-z]", "", value.lower())
    return (
        bool(plain_value)
        and (plain_value in plain_name or plain_name in plain_value)
        and not any(character.isdigit() for character in value)
    )


def is_settings_file(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return (
        name.endswith(SETTINGS_SUFFIXES)
        or name.startswith((".env", "env."))
        or "dockerfile" in name
    )


_LOCKS = ("-lock.json", ".lock", "-lock.yaml", "go.sum", "shrinkwrap.json", ".lockfile")
_TRANSLATIONS = re.compile(r"(^|/)(i18n|l10n|locales?|lang|languages|translations)/")


def is_of_names_only(path: str) -> bool:
    """Lock files name packages and their hashes, translations name what the user sees."""
    return path.endswith(_LOCKS) or bool(_TRANSLATIONS.search(path))
