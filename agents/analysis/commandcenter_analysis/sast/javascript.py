"""Security rules for JavaScript, TypeScript and TSX."""

from typing import Any

from commandcenter_analysis.findings import Category, Confidence, Severity
from commandcenter_analysis.sast.rule import PatternRule

# A value that is put together at run time. A template without `${}` is constant.
_BUILT: dict[str, Any] = {
    "any": [
        {
            "kind": "binary_expression",
            "has": {"field": "operator", "regex": r"^\+$"},
            # 'a' + 'b' is constant; something other than text must be in it.
            "any": [
                {
                    "has": {
                        "any": [
                            {"kind": "identifier"},
                            {"kind": "member_expression"},
                            {"kind": "call_expression"},
                            {"kind": "subscript_expression"},
                        ],
                        "stopBy": "end",
                    }
                },
            ],
        },
        {"kind": "template_string", "has": {"kind": "template_substitution"}},
    ]
}
_SQL_TEXT = (
    r"(?is)^[`'\"(\s]*(select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from|drop\s+table)\b"
)
_ANY_OF_THE_REQUEST = r"\b(req|request|ctx)\.(query|params|body|headers|cookies)\b"


def _calls(*patterns: str) -> dict[str, Any]:
    return {"any": [{"pattern": pattern} for pattern in patterns]}


JAVASCRIPT_RULES: tuple[PatternRule, ...] = (
    PatternRule(
        "js-eval",
        ("eval(", "Function("),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.INJECTION,
        "A text is run as code. If any of it comes from outside, so does the code.",
        "Use JSON.parse for data, or a table of functions.",
        {
            "any": [
                {"pattern": "eval($CODE)"},
                {"pattern": "window.eval($CODE)"},
                {
                    "kind": "new_expression",
                    "all": [
                        {"has": {"field": "constructor", "regex": "^Function$"}},
                        {
                            "has": {
                                "field": "arguments",
                                "has": {"not": {"kind": "string"}, "regex": r"^\w"},
                            }
                        },
                    ],
                },
            ]
        },
        {"CODE": {"not": {"kind": "string"}}},
    ),
    PatternRule(
        "js-command-injection",
        ("exec(", "execSync("),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.INJECTION,
        "A shell command is put together from values. A value with a semicolon or backquote in it "
        "runs commands of its own.",
        "Use execFile or spawn with the arguments as an array.",
        _calls(
            "exec($COMMAND)",
            "exec($COMMAND, $$$)",
            "execSync($COMMAND)",
            "execSync($COMMAND, $$$)",
            "child_process.exec($COMMAND)",
            "child_process.exec($COMMAND, $$$)",
            "child_process.execSync($COMMAND)",
            "child_process.execSync($COMMAND, $$$)",
            "cp.exec($COMMAND, $$$)",
            "cp.execSync($COMMAND, $$$)",
        ),
        {"COMMAND": _BUILT},
    ),
    PatternRule(
        "js-spawn-shell",
        ("shell: true", "shell:true"),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.INJECTION,
        "A process is started through a shell. Arguments are then read as shell code.",
        "Leave out shell: true and pass the arguments as an array.",
        {
            "kind": "pair",
            "regex": r"^['\"]?shell['\"]?\s*:\s*true$",
            "inside": {
                "kind": "call_expression",
                "regex": r"^[\w.]*\b(spawn|spawnSync|execFile|execFileSync|execa)\(",
                "stopBy": "end",
            },
        },
    ),
    PatternRule(
        "js-inner-html",
        ("innerHTML", "outerHTML", "document.write", "insertAdjacentHTML"),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CROSS_SITE_SCRIPTING,
        "HTML is put together from values and put into the page. A value with a tag in it runs "
        "scripts in the visitor's browser.",
        "Use textContent, or a sanitizer such as DOMPurify.",
        _calls(
            "$ELEMENT.innerHTML = $HTML",
            "$ELEMENT.innerHTML += $HTML",
            "$ELEMENT.outerHTML = $HTML",
            "document.write($HTML)",
            "document.writeln($HTML)",
            "$ELEMENT.insertAdjacentHTML($WHERE, $HTML)",
        ),
        {"HTML": _BUILT},
    ),
    PatternRule(
        "js-dangerously-set-html",
        ("dangerouslySetInnerHTML",),
        Severity.INFO,
        Confidence.LOW,
        Category.CROSS_SITE_SCRIPTING,
        "React is told to use a text as HTML. If any of it comes from a user, scripts get into "
        "the page.",
        "Render the text as children, or sanitize it with DOMPurify first.",
        {
            "any": [
                {"kind": "jsx_attribute", "regex": "^dangerouslySetInnerHTML"},
            ],
            "not": {"regex": "(?i)(sanitiz|purify)"},
        },
    ),
    PatternRule(
        "js-sql-injection",
        ("select ", "SELECT ", "insert ", "INSERT ", "update ", "UPDATE ", "delete ", "DELETE "),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.INJECTION,
        "An SQL statement is put together from values. A value with a quote in it can change the "
        "statement and read or destroy data.",
        "Use placeholders (? or $1) and pass the values beside the statement.",
        {
            "any": [
                {"pattern": "$DB.query($SQL)"},
                {"pattern": "$DB.query($SQL, $$$)"},
                {"pattern": "$DB.execute($SQL)"},
                {"pattern": "$DB.execute($SQL, $$$)"},
                {"pattern": "$DB.run($SQL, $$$)"},
                {"pattern": "$DB.all($SQL, $$$)"},
                {"pattern": "$DB.get($SQL, $$$)"},
                {"pattern": "$DB.exec($SQL, $$$)"},
                {"pattern": "$DB.raw($SQL, $$$)"},
                {"pattern": "$DB.$queryRawUnsafe($SQL, $$$)"},
            ]
        },
        {"SQL": {"all": [_BUILT, {"regex": _SQL_TEXT}]}},
    ),
    PatternRule(
        "js-sql-statement-built",
        ("select ", "SELECT ", "insert ", "INSERT ", "update ", "UPDATE ", "delete ", "DELETE "),
        Severity.WARNING,
        Confidence.LOW,
        Category.INJECTION,
        "An SQL statement is put together from values before it is used. A value with a quote in "
        "it can change the statement.",
        "Use placeholders (? or $1) and pass the values beside the statement.",
        {
            "any": [
                {"pattern": "const $NAME = $SQL"},
                {"pattern": "let $NAME = $SQL"},
                {"pattern": "var $NAME = $SQL"},
            ]
        },
        {"SQL": {"all": [_BUILT, {"regex": _SQL_TEXT}]}},
    ),
    PatternRule(
        "js-weak-hash",
        ("createHash",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CRYPTOGRAPHY,
        "A broken hash function (MD5 or SHA-1) is used. Collisions are cheap to make, and "
        "passwords hashed with it are guessed quickly.",
        "Use sha256 for integrity, and argon2, scrypt or bcrypt for passwords.",
        _calls("$CRYPTO.createHash($NAME)", "createHash($NAME)"),
        {"NAME": {"regex": r"(?i)^['\"`](md4|md5|sha1|sha-1)['\"`]$"}},
    ),
    PatternRule(
        "js-weak-cipher",
        ("createCipher", "createDecipher"),
        Severity.WARNING,
        Confidence.HIGH,
        Category.CRYPTOGRAPHY,
        "A broken cipher, mode or key derivation is used. What it protects can be read or changed.",
        "Use createCipheriv with aes-256-gcm and a fresh random nonce.",
        {
            "any": [
                {"pattern": "$CRYPTO.createCipher($$$)"},
                {"pattern": "$CRYPTO.createDecipher($$$)"},
                {
                    "pattern": "$CRYPTO.createCipheriv($NAME, $$$)",
                    "has": {
                        "kind": "arguments",
                        "has": {
                            "kind": "string",
                            "regex": r"(?i)^['\"](des|des3|rc4|rc2|bf|.*-ecb)",
                        },
                    },
                },
            ]
        },
    ),
    PatternRule(
        "js-tls-not-verified",
        ("rejectUnauthorized", "NODE_TLS_REJECT_UNAUTHORIZED"),
        Severity.CRITICAL,
        Confidence.HIGH,
        Category.TRANSPORT,
        "Certificate checks are turned off. Anybody between can read and change what is sent.",
        "Remove this; for an own authority pass its certificate as ca.",
        {
            "any": [
                {"kind": "pair", "regex": r"^['\"]?rejectUnauthorized['\"]?\s*:\s*false$"},
                {"pattern": "process.env.NODE_TLS_REJECT_UNAUTHORIZED = $VALUE"},
                {"pattern": "process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = $VALUE"},
            ]
        },
        {"VALUE": {"regex": "0"}},
    ),
    PatternRule(
        "js-jwt-not-verified",
        ("none",),
        Severity.CRITICAL,
        Confidence.MEDIUM,
        Category.CRYPTOGRAPHY,
        "Tokens signed with the algorithm 'none' are accepted or made. Anybody can write one.",
        "Name the algorithms you use, for example algorithms: ['RS256'].",
        {
            "kind": "pair",
            "regex": r"^['\"]?algorithms?['\"]?\s*:\s*\[?\s*['\"]none['\"]",
        },
    ),
    PatternRule(
        "js-random-token",
        ("Math.random",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CRYPTOGRAPHY,
        "A token or password comes from Math.random, which can be predicted.",
        "Use crypto.randomBytes or crypto.randomUUID.",
        {
            "any": [
                {"pattern": "const $NAME = $VALUE"},
                {"pattern": "let $NAME = $VALUE"},
                {"pattern": "var $NAME = $VALUE"},
                {"pattern": "$NAME = $VALUE"},
            ]
        },
        {
            "NAME": {"regex": r"(?i)(token|secret|passw|nonce|salt|session_?id|api_?key|otp)"},
            "VALUE": {"regex": r"Math\.random\(\)"},
        },
    ),
    PatternRule(
        "js-path-traversal",
        ("readFile", "sendFile", "createReadStream", "writeFile"),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.FILES,
        "A file name comes straight from the request. With ../ in it, any file can be reached.",
        "Resolve the path and refuse it unless it lies below the directory it must be in.",
        {
            "kind": "call_expression",
            "has": {
                "field": "function",
                "regex": r"(^|\.)((readFile|writeFile)(Sync)?|sendFile|createReadStream)$",
            },
            "all": [
                {"has": {"field": "arguments", "regex": _ANY_OF_THE_REQUEST}},
                {"not": {"has": {"field": "arguments", "regex": r"basename\(|root\s*:"}}},
            ],
        },
    ),
    PatternRule(
        "js-open-redirect",
        ("redirect(",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.INJECTION,
        "The address of a redirect comes straight from the request. Links to this site can lead "
        "to anybody's.",
        "Redirect to paths of a list, or check that the address is of this site.",
        _calls("$RESPONSE.redirect($TARGET)", "$RESPONSE.redirect($STATUS, $TARGET)"),
        {"TARGET": {"regex": rf"^{_ANY_OF_THE_REQUEST}[\w.\[\]'\"]*$"}},
    ),
    PatternRule(
        "js-reflected-xss",
        (".send(",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CROSS_SITE_SCRIPTING,
        "A value of the request goes into an HTML answer as it is. Scripts in it run in the "
        "visitor's browser.",
        "Render through a template that escapes, or escape the value.",
        _calls("res.send($HTML)", "response.send($HTML)"),
        {"HTML": {"all": [_BUILT, {"regex": "<"}, {"regex": _ANY_OF_THE_REQUEST}]}},
    ),
    PatternRule(
        "js-cors-any-origin-with-credentials",
        ("credentials",),
        Severity.WARNING,
        Confidence.MEDIUM,
        Category.CONFIGURATION,
        "Every site may call this one with the visitor's credentials.",
        "Name the origins that may.",
        {
            "kind": "object",
            "all": [
                {
                    "has": {
                        "kind": "pair",
                        "regex": r"^['\"]?origin['\"]?\s*:\s*(true|['\"]\*['\"])$",
                    }
                },
                {"has": {"kind": "pair", "regex": r"^['\"]?credentials['\"]?\s*:\s*true$"}},
            ],
        },
    ),
    PatternRule(
        "js-cookie-not-secure",
        ("httpOnly",),
        Severity.INFO,
        Confidence.MEDIUM,
        Category.CONFIGURATION,
        "A cookie is made readable for scripts. One injected script is enough to steal it.",
        "Set httpOnly: true, secure: true and sameSite.",
        {"kind": "pair", "regex": r"^['\"]?httpOnly['\"]?\s*:\s*false$"},
    ),
)
