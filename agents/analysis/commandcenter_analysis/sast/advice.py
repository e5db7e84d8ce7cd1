"""What ruff's security rules mean to a reader: how bad, how sure, why, and what to do.

A rule that is not here is not asked for: either it is about style, or the secret scanner does it
better, or it fires on nearly every use of a harmless thing.
"""

from dataclasses import dataclass

from commandcenter_analysis.findings import Category, Confidence, Severity

_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
_HIGH, _MEDIUM, _LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


@dataclass(frozen=True, slots=True)
class Advice:
    severity: Severity
    confidence: Confidence
    category: Category
    message: str
    suggestion: str
    in_tests: bool = True
    """Whether the finding is worth telling in a test, too (as information)."""


_XML = Advice(
    _WARNING,
    _LOW,
    Category.DESERIALIZATION,
    "XML is parsed with a parser that expands entities. A hostile document can exhaust memory or "
    "read local files.",
    "Parse untrusted XML with defusedxml, or refuse documents with a DTD.",
    in_tests=False,
)
_CIPHER = Advice(
    _WARNING,
    _HIGH,
    Category.CRYPTOGRAPHY,
    "A broken cipher or mode is used. What it protects can be read or changed.",
    "Use an authenticated cipher: AES-GCM or ChaCha20-Poly1305.",
)
_HASH = Advice(
    _WARNING,
    _MEDIUM,
    Category.CRYPTOGRAPHY,
    "A broken hash function (MD5, SHA-1 or older) is used. Collisions are cheap to make, and "
    "passwords hashed with it are guessed quickly.",
    "Use SHA-256 for integrity, and argon2, scrypt or bcrypt for passwords; if nothing depends on "
    "its security, say so with usedforsecurity=False.",
    in_tests=False,
)
_CLEARTEXT = Advice(
    _WARNING,
    _MEDIUM,
    Category.TRANSPORT,
    "A protocol without encryption is used. Whoever sits on the network can read the credentials.",
    "Use SSH, SFTP or TLS.",
)
_TLS_VERSION = Advice(
    _WARNING,
    _HIGH,
    Category.TRANSPORT,
    "An outdated SSL or TLS version is allowed. Its encryption can be broken.",
    "Use ssl.create_default_context(), which allows TLS 1.2 and later only.",
)
_SHELL = Advice(
    _WARNING,
    _MEDIUM,
    Category.INJECTION,
    "A command is run through a shell. Whatever part of it comes from outside can run commands "
    "of its own.",
    "Pass the program and its arguments as a list, without shell=True.",
)
_SQL = Advice(
    _CRITICAL,
    _MEDIUM,
    Category.INJECTION,
    "An SQL statement is put together from strings. A value with a quote in it can change the "
    "statement and read or destroy data.",
    "Pass the values as parameters of the query and keep the statement constant.",
)
_DJANGO_SQL = Advice(
    _WARNING,
    _MEDIUM,
    Category.INJECTION,
    "Raw SQL goes around Django's quoting. A value from outside can change the statement.",
    "Use the query API, or pass values through params.",
)
_MARKUP = Advice(
    _WARNING,
    _LOW,
    Category.CROSS_SITE_SCRIPTING,
    "A text is marked as safe HTML. If any of it comes from a user, scripts get into the page.",
    "Let the template escape it, or build it with format_html or escape().",
)

ADVICE: dict[str, Advice] = {
    "S102": Advice(
        _WARNING,
        _MEDIUM,
        Category.INJECTION,
        "exec() runs a text as code. If any of it comes from outside, so does the code.",
        "Replace it by a function, a table of functions, or importlib.",
        in_tests=False,
    ),
    "S103": Advice(
        _WARNING,
        _MEDIUM,
        Category.FILES,
        "A file is made writable or executable for everybody on the machine.",
        "Give the owner alone what it needs, for example 0o600 or 0o700.",
        in_tests=False,
    ),
    "S104": Advice(
        _INFO,
        _MEDIUM,
        Category.CONFIGURATION,
        "The service listens on all network interfaces, also those it may not be meant for.",
        "Bind to 127.0.0.1 by default and make the address a setting.",
        in_tests=False,
    ),
    "S108": Advice(
        _INFO,
        _LOW,
        Category.FILES,
        "A fixed name in a directory that all users share. Another user can put a file or link "
        "there first.",
        "Use the tempfile module.",
        in_tests=False,
    ),
    "S113": Advice(
        _INFO,
        _HIGH,
        Category.CONFIGURATION,
        "An HTTP request without a timeout. A silent server makes the program hang for ever.",
        "Pass timeout= in seconds.",
        in_tests=False,
    ),
    "S201": Advice(
        _CRITICAL,
        _HIGH,
        Category.CONFIGURATION,
        "The Flask application runs in debug mode. Its error page lets visitors run code.",
        "Remove debug=True and turn it on by the environment while developing.",
    ),
    "S202": Advice(
        _WARNING,
        _MEDIUM,
        Category.FILES,
        "An archive is unpacked without a filter. Members with .. or links in their names write "
        "outside the directory.",
        'Pass filter="data" to extractall().',
        in_tests=False,
    ),
    "S301": Advice(
        _WARNING,
        _MEDIUM,
        Category.DESERIALIZATION,
        "pickle runs code while it loads. Data from outside can take over the program.",
        "Use JSON, or sign the data and check the signature first.",
        in_tests=False,
    ),
    "S302": Advice(
        _INFO,
        _MEDIUM,
        Category.DESERIALIZATION,
        "marshal is not safe against made-up data.",
        "Use JSON for data that comes from outside.",
        in_tests=False,
    ),
    "S303": _HASH,
    "S304": _CIPHER,
    "S305": _CIPHER,
    "S306": Advice(
        _WARNING,
        _HIGH,
        Category.FILES,
        "mktemp() only picks a name. Another process can create the file first.",
        "Use tempfile.mkstemp() or NamedTemporaryFile.",
        in_tests=False,
    ),
    "S307": Advice(
        _WARNING,
        _MEDIUM,
        Category.INJECTION,
        "eval() runs a text as code. If any of it comes from outside, so does the code.",
        "Use ast.literal_eval() for values, or a parser of your own.",
        in_tests=False,
    ),
    "S308": _MARKUP,
    "S310": Advice(
        _INFO,
        _LOW,
        Category.INJECTION,
        "An address is opened whatever its scheme. file: reads local files.",
        "Allow http and https only.",
        in_tests=False,
    ),
    "S311": Advice(
        _INFO,
        _LOW,
        Category.CRYPTOGRAPHY,
        "The random module can be predicted.",
        "Use the secrets module for tokens and passwords; ignore this for everything else.",
        in_tests=False,
    ),
    "S312": _CLEARTEXT,
    "S313": _XML,
    "S314": _XML,
    "S315": _XML,
    "S316": _XML,
    "S317": _XML,
    "S318": _XML,
    "S319": _XML,
    "S321": _CLEARTEXT,
    "S323": Advice(
        _WARNING,
        _HIGH,
        Category.TRANSPORT,
        "The TLS context checks no certificate. Anybody between can pretend to be the server.",
        "Use ssl.create_default_context().",
        in_tests=False,
    ),
    "S324": _HASH,
    "S501": Advice(
        _CRITICAL,
        _HIGH,
        Category.TRANSPORT,
        "Certificate checks are turned off. Anybody between can read and change what is sent.",
        "Remove verify=False; for an own authority pass its certificate as verify=.",
    ),
    "S502": _TLS_VERSION,
    "S503": _TLS_VERSION,
    "S504": _TLS_VERSION,
    "S505": Advice(
        _WARNING,
        _HIGH,
        Category.CRYPTOGRAPHY,
        "The key is too short to resist an attack.",
        "Use RSA with 3072 bits or more, or an elliptic curve of 256 bits.",
        in_tests=False,
    ),
    "S506": Advice(
        _CRITICAL,
        _HIGH,
        Category.DESERIALIZATION,
        "yaml.load() with an unsafe loader creates any object. A document can run code.",
        "Use yaml.safe_load().",
    ),
    "S507": Advice(
        _WARNING,
        _HIGH,
        Category.TRANSPORT,
        "Unknown SSH host keys are accepted. Anybody between can pretend to be the host.",
        "Load the known hosts and use RejectPolicy.",
    ),
    "S508": _CLEARTEXT,
    "S509": _CLEARTEXT,
    "S601": _SHELL,
    "S602": _SHELL,
    "S604": _SHELL,
    "S605": _SHELL,
    "S608": _SQL,
    "S609": Advice(
        _WARNING,
        _MEDIUM,
        Category.INJECTION,
        "A command with a wildcard. A file named like an option becomes one.",
        "List the files in Python and put -- before them.",
    ),
    "S610": _DJANGO_SQL,
    "S611": _DJANGO_SQL,
    "S612": Advice(
        _WARNING,
        _HIGH,
        Category.CONFIGURATION,
        "logging.config.listen() runs the configuration it receives as code.",
        "Read the configuration from a file, or pass verify=.",
    ),
    "S701": Advice(
        _WARNING,
        _MEDIUM,
        Category.CROSS_SITE_SCRIPTING,
        "Jinja2 templates are filled without escaping. Scripts in a value get into the page.",
        "Pass autoescape=select_autoescape().",
        in_tests=False,
    ),
    "S702": Advice(
        _WARNING,
        _MEDIUM,
        Category.CROSS_SITE_SCRIPTING,
        "Mako templates escape nothing by default. Scripts in a value get into the page.",
        "Pass default_filters=['h'].",
        in_tests=False,
    ),
    "S704": _MARKUP,
}

# A shell command that is wholly constant is a habit rather than a hole.
CONSTANT_COMMAND = "seems safe"
