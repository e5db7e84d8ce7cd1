"""What the secret scanner finds, and what it leaves alone."""

import re

import pytest
from commandcenter_analysis.findings import Finding, Severity
from commandcenter_analysis.fingerprints import Fingerprints
from commandcenter_analysis.secrets import generic
from commandcenter_analysis.secrets.engine import SecretScanner
from commandcenter_analysis.secrets.rules import PROVIDER_RULES

from agents.analysis.tests.planted import (
    BASE62,
    HEX,
    LETTERS,
    aws_key,
    github_token,
    private_key,
    random_text,
)


def scan(text: str, path: str = "app/settings.py") -> list[Finding]:
    return SecretScanner().scan(path, text.encode(), Fingerprints())


def rules(text: str, path: str = "app/settings.py") -> list[str]:
    return [finding.rule_id for finding in scan(text, path)]


UUID = "-".join(random_text(str(size), size, HEX) for size in (8, 4, 4, 4, 12))
TOKENS = {
    "aws-access-key-id": aws_key(),
    "github-token": github_token(),
    "gitlab-token": "glp" + "at-" + random_text("gitlab", 20, BASE62),
    "slack-token": "xo" + "xb-" + random_text("slack", 40, BASE62),
    "stripe-live-key": "sk_" + "live_" + random_text("stripe", 24, BASE62),
    "google-api-key": "AI" + "za" + random_text("google", 35, BASE62),
    "anthropic-api-key": "sk-" + "ant-api03-" + random_text("anthropic", 95, BASE62),
    "openai-api-key": "sk-"
    + random_text("o", 24, BASE62)
    + "T3Blbk"
    + "FJ"
    + random_text("p", 24, BASE62),
    "npm-token": "np" + "m_" + random_text("npm", 36, BASE62),
    "pypi-token": "py" + "pi-AgEIcHlwaS5vcmc" + random_text("pypi", 90, BASE62),
    "sendgrid-key": "S" + "G." + random_text("a", 22, BASE62) + "." + random_text("b", 43, BASE62),
    "telegram-bot-token": "1234567891" + ":A" + "A" + random_text("telegram", 33, BASE62),
    "digitalocean-token": "dop" + "_v1_" + random_text("do", 64, HEX),
    "hugging-face-token": "h" + "f_" + random_text("hf", 34, LETTERS + LETTERS.lower()),
    "slack-webhook": f"https://hooks.slack.{'com'}/services/T0AB1CD3/B0AB1CD3/"
    f"{random_text('w', 24, BASE62)}",
    "teams-webhook": f"https://x.webhook.office.{'com'}/webhookb2/{UUID}@{UUID}/"
    f"IncomingWebhook/{random_text('t', 32, HEX)}/{UUID}",
}


@pytest.mark.parametrize("rule", TOKENS)
def test_finds_a_providers_token(rule: str) -> None:
    (finding,) = scan(f'import x\n\nvalue = "{TOKENS[rule]}"\n')
    assert (finding.rule_id, finding.line, finding.severity) == (rule, 3, Severity.CRITICAL)


@pytest.mark.parametrize("rule", TOKENS)
def test_never_tells_the_secret(rule: str) -> None:
    told = repr(scan(f'token = "{TOKENS[rule]}"  # and again {TOKENS[rule]}\n'))
    secret = TOKENS[rule]
    assert secret[4:] not in told
    assert not any(secret[at : at + 10] in told for at in range(5, len(secret) - 10))


def test_every_rule_compiles_and_has_a_keyword_in_lower_case() -> None:
    scanner = SecretScanner()
    for rule in PROVIDER_RULES:
        assert scanner._pattern(rule.pattern).groups == 1
        assert rule.keywords
        assert all(keyword == keyword.lower() for keyword in rule.keywords)
    assert len({rule.id for rule in PROVIDER_RULES}) == len(PROVIDER_RULES)


def test_private_key_with_its_lines() -> None:
    text = f"# key\n{private_key()}"
    (finding,) = scan(text, "deploy/server.key")
    assert finding.rule_id == "private-key"
    assert (finding.line, finding.end_line) == (2, text.count("\n"))


def test_a_heading_of_a_key_alone_is_none() -> None:
    assert rules('START = "-----BEGIN ' + 'PRIVATE KEY-----"\n') == []
    assert rules("-----BEGIN " + "PUBLIC KEY-----\n" + private_key().partition("\n")[2]) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("app.py", 'db_password = "{}"'),
        ("app.js", "const config = {{ apiSecret: '{}' }};"),
        ("config.json", '{{"client_secret": "{}"}}'),
        (".env", "SESSION_TOKEN={}"),
        ("values.yaml", "  admin_password: {}"),
        ("app.properties", "encryption.key.secret={}"),
        ("main.go", 'apiToken := "{}"'),
        ("app.rb", "secret_key => '{}'"),
    ],
)
def test_finds_a_secret_in_an_assignment(path: str, line: str) -> None:
    value = random_text("generic", 24, BASE62)
    (finding,) = scan(line.format(value) + "\n", path)
    assert (finding.rule_id, finding.severity) == ("generic-secret", Severity.WARNING)
    assert value not in repr(finding)


@pytest.mark.parametrize(
    "line",
    [
        'password = "changeme"',
        'password = "your-password-here"',
        'password = os.environ["PASSWORD"]',
        'api_key = "${API_KEY}"',
        "api_key = '{{ vault.api_key }}'",
        'token = "xxxxxxxxxxxxxxxx"',
        'token = "0123456789abcdef"',
        'secret = "<insert secret>"',
        'password_label = "Enter your password"',
        'token_url = "https://example.org/oauth2/token9"',
        'passwordField = "user_password"',
        'password = "user_password"',
        'csrf_token = "aG3kd83Kd02kdL2k"',
        'secret_name = "prod/db-9f3k2"',
        'password = "correct horse battery"',
        'access_token = "self.session.token"',
        'password_hash = "$2b$12$abcdefghijklmnopqrstuv"',
        'BeeTokenAddress = "0x3f5CE5FBFe3E9af3971dD833D26bA9b5C936f0bE"',
        'key = "AK" "IAIOSFODNN7EXAMPLE"'.replace('" "', ""),
        "postgresql://user:password@localhost/db",
        "postgresql://user:${PASSWORD}@db/app",
        "postgresql://shopkeeper:shopkeeper@localhost/db",
        '"@inquirer/password": "^4.0.115"',
        'password_expires_at = "2026-01-01T00:00:00Z"',
    ],
)
def test_leaves_what_is_no_secret(line: str) -> None:
    assert rules(line + "\n") == []


@pytest.mark.parametrize("path", ["package-lock.json", "src/i18n/de.json"])
def test_lock_files_and_translations_have_no_assignments(path: str) -> None:
    assert rules('{"password": "g3h5Jk2L9x"}\n', path) == []
    assert rules(f'{{"x": "{github_token()}"}}\n', path) == ["github-token"]


def test_a_password_in_an_address() -> None:
    password = random_text("address", 16, BASE62)
    (finding,) = scan(f'URL = "postgresql://shop:{password}@db.internal/shop"\n')
    assert finding.rule_id == "url-password"
    assert password not in repr(finding)


def test_a_test_path_is_for_information() -> None:
    (finding,) = scan(f'token = "{github_token()}"\n', "tests/test_login.py")
    assert finding.severity is Severity.INFO


def test_the_same_secret_has_one_hash_in_a_scan_and_another_in_the_next() -> None:
    text = f'a = "{github_token()}"\nb = "{github_token()}"\nc = "{github_token("other")}"\n'
    first, second, third = scan(text)
    assert first.secret_hash == second.secret_hash != third.secret_hash
    assert scan(text)[0].secret_hash != first.secret_hash
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3
    assert scan("\n\n" + text)[0].fingerprint == first.fingerprint


def test_two_secrets_on_one_line() -> None:
    assert rules(f'keys = ["{aws_key()}", "{github_token()}"]\n') == [
        "aws-access-key-id",
        "github-token",
    ]


def test_a_line_of_megabytes_is_searched_all_along() -> None:
    text = '{"x":"' + "ab " * 600_000 + f'","key":"{aws_key()}"' + ',"token":"no"' * 20_000 + "}"
    assert "aws-access-key-id" in rules(text, "data.json")


def test_findings_of_a_file_are_bounded() -> None:
    text = "".join(f'k = "{aws_key(str(number))}"\n' for number in range(300))
    assert len(scan(text)) == 200


def test_names_are_told_apart() -> None:
    assert generic.names_a_secret("db_password")
    assert not generic.names_a_secret("password_reset")
    assert re.search(generic.QUOTED, 'x.password = "abcdefgh"')
