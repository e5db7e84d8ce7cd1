"""Security rules for Go."""

from typing import Any

from commandcenter_analysis.findings import Category, Confidence, Severity
from commandcenter_analysis.sast.rule import PatternRule

_SQL_TEXT = (
    r"(?is)[`\"]\s*(select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from|drop\s+table)\b"
)
_SPRINTF: dict[str, Any] = {
    "kind": "call_expression",
    "has": {"field": "function", "regex": r"^fmt\.Sprintf$"},
}
# Text put together by + with something that is not text itself, or by Sprintf.
_BUILT: dict[str, Any] = {
    "any": [
        {
            "kind": "binary_expression",
            "has": {
                "any": [
                    {"kind": "identifier"},
                    {"kind": "selector_expression"},
                    {"kind": "call_expression"},
                    {"kind": "index_expression"},
                ],
                "stopBy": "end",
            },
        },
        {**_SPRINTF, "regex": r"%[svq+]"},
    ]
}

GO_RULES: tuple[PatternRule, ...] = (
    PatternRule(
        "go-sql-injection",
        (".Query", ".Exec", ".Raw("),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.INJECTION,
        "An SQL statement is put together from values. A value with a quote in it can change the "
        "statement and read or destroy data.",
        "Use placeholders and pass the values beside the statement.",
        {
            "kind": "call_expression",
            "all": [
                {
                    "has": {
                        "field": "function",
                        "regex": r"\.((Query|QueryRow|Exec)(Context)?|Raw|Queryx|Prepare)$",
                    }
                },
                {
                    "has": {
                        "field": "arguments",
                        "has": {"all": [_BUILT, {"regex": _SQL_TEXT}]},
                    }
                },
            ],
        },
    ),
    PatternRule(
        "go-sql-statement-built",
        ("Sprintf",),
        Severity.WARNING,
        Confidence.LOW,
        Category.INJECTION,
        "An SQL statement is put together with Sprintf before it is used. A value with a quote in "
        "it can change the statement.",
        "Use placeholders and pass the values beside the statement.",
        {"any": [{"pattern": "$NAME := $SQL"}, {"pattern": "$NAME = $SQL"}]},
        {"SQL": {"all": [{"regex": r"^fmt\.Sprintf\("}, {"regex": _SQL_TEXT + r".*%[sv]"}]}},
    ),
    PatternRule(
        "go-command-injection",
        ("exec.Command",),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.INJECTION,
        "A shell command is put together from values. A value with a semicolon or backquote in it "
        "runs commands of its own.",
        "Call the program itself with its arguments, without sh -c.",
        {
            "kind": "call_expression",
            "all": [
                {"has": {"field": "function", "regex": r"^exec\.Command(Context)?$"}},
                {
                    "has": {
                        "field": "arguments",
                        "regex": r"\"(/bin/|/usr/bin/)?(ba|da|z)?sh\"\s*,\s*\"-\w*c\"",
                        "has": _BUILT,
                    }
                },
            ],
        },
    ),
    PatternRule(
        "go-tls-not-verified",
        ("InsecureSkipVerify",),
        Severity.CRITICAL,
        Confidence.HIGH,
        Category.TRANSPORT,
        "Certificate checks are turned off. Anybody between can read and change what is sent.",
        "Remove InsecureSkipVerify; for an own authority fill RootCAs.",
        {
            "any": [
                {"kind": "keyed_element", "regex": r"^InsecureSkipVerify\s*:\s*true$"},
                {"pattern": "$CONFIG.InsecureSkipVerify = true"},
            ]
        },
    ),
    PatternRule(
        "go-tls-old-version",
        ("VersionSSL30", "VersionTLS10", "VersionTLS11"),
        Severity.WARNING,
        Confidence.HIGH,
        Category.TRANSPORT,
        "An outdated SSL or TLS version is allowed. Its encryption can be broken.",
        "Set MinVersion to tls.VersionTLS12 or later.",
        {
            "kind": "keyed_element",
            "regex": r"^MinVersion\s*:\s*tls\.Version(SSL30|TLS10|TLS11)$",
        },
    ),
    PatternRule(
        "go-weak-hash",
        ("md5.", "sha1."),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CRYPTOGRAPHY,
        "A broken hash function (MD5 or SHA-1) is used. Collisions are cheap to make, and "
        "passwords hashed with it are guessed quickly.",
        "Use crypto/sha256 for integrity, and bcrypt or argon2 for passwords.",
        {
            "kind": "call_expression",
            "has": {"field": "function", "regex": r"^(md5|sha1)\.(New|Sum)$"},
        },
    ),
    PatternRule(
        "go-weak-cipher",
        ("des.", "rc4."),
        Severity.WARNING,
        Confidence.HIGH,
        Category.CRYPTOGRAPHY,
        "A broken cipher is used. What it protects can be read or changed.",
        "Use AES-GCM (crypto/aes with cipher.NewGCM).",
        {
            "kind": "call_expression",
            "has": {
                "field": "function",
                "regex": r"^(des\.New(TripleDES)?Cipher|rc4\.NewCipher)$",
            },
        },
    ),
    PatternRule(
        "go-random-token",
        ("rand.",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CRYPTOGRAPHY,
        "A token or password comes from math/rand, which can be predicted.",
        "Use crypto/rand.",
        {"any": [{"pattern": "$NAME := $VALUE"}, {"pattern": "$NAME = $VALUE"}]},
        {
            "NAME": {"regex": r"(?i)(token|secret|passw|nonce|salt|sessionid|apikey|otp)"},
            "VALUE": {"regex": r"\brand\.(Int|Int31|Int63|Uint32|Uint64|Float64|Perm)[nN]?\("},
        },
    ),
    PatternRule(
        "go-ssh-host-not-verified",
        ("InsecureIgnoreHostKey",),
        Severity.WARNING,
        Confidence.HIGH,
        Category.TRANSPORT,
        "Unknown SSH host keys are accepted. Anybody between can pretend to be the host.",
        "Use knownhosts.New with a file of known hosts.",
        {"pattern": "ssh.InsecureIgnoreHostKey()"},
    ),
    PatternRule(
        "go-unescaped-template",
        ("template.HTML(", "template.JS("),
        Severity.WARNING,
        Confidence.LOW,
        Category.CROSS_SITE_SCRIPTING,
        "A text is marked as safe for a page. If any of it comes from a user, scripts get in.",
        "Let html/template escape it.",
        {
            "kind": "type_conversion_expression",
            "regex": r"^template\.(HTML|JS|URL)\(",
            "not": {"has": {"kind": "interpreted_string_literal"}},
        },
    ),
    PatternRule(
        "go-file-permissions",
        ("0777", "0o777", "0666", "0o666"),
        Severity.INFO,
        Confidence.LOW,
        Category.FILES,
        "A file or directory is made writable for everybody on the machine.",
        "Give the owner alone what it needs, for example 0600 or 0700.",
        {
            "kind": "call_expression",
            "has": {
                "field": "function",
                # The others subtract the umask from the mode; this one does not.
                "regex": r"^os\.Chmod$",
            },
            "regex": r",\s*0o?(777|666)\)$",
        },
    ),
)
