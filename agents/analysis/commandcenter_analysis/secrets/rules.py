"""The forms in which providers issue their credentials.

The forms are public facts from the providers' documentation; the expressions are written for RE2,
so none can take more than linear time. Group 1 is the secret. A rule is tried only where one of
its keywords (lower case) occurs.
"""

from dataclasses import dataclass

from commandcenter_analysis.findings import Confidence, Severity


@dataclass(frozen=True, slots=True)
class SecretRule:
    """`entropy` is the least Shannon entropy per character a match must have."""

    id: str
    what: str
    keywords: tuple[str, ...]
    pattern: str
    entropy: float = 0.0
    severity: Severity = Severity.CRITICAL
    confidence: Confidence = Confidence.HIGH


_END = r"(?:[^A-Za-z0-9_-]|$)"
_START = r"(?:^|[^A-Za-z0-9_-])"
_ASSIGN = r"['\"]?\s{0,5}(?:=>|:=|[:=,])\s{0,5}['\"]?"


def _token(
    identifier: str,
    what: str,
    prefixes: str | tuple[str, ...],
    body: str,
    entropy: float = 3.0,
) -> SecretRule:
    """A token that starts with one of the prefixes and stands alone."""
    all_prefixes = (prefixes,) if isinstance(prefixes, str) else prefixes
    choice = "|".join(prefix.replace(".", r"\.") for prefix in all_prefixes)
    return SecretRule(
        identifier,
        what,
        tuple(prefix.lower() for prefix in all_prefixes),
        f"{_START}((?:{choice}){body}){_END}",
        entropy,
    )


def _named(identifier: str, what: str, name: str, body: str, entropy: float = 3.2) -> SecretRule:
    """A value without a form of its own, told by the provider's name in the assigned name."""
    return SecretRule(
        identifier,
        what,
        (name,),
        rf"(?i:{name})[a-zA-Z0-9_.\-]{{0,25}}{_ASSIGN}({body}){_END}",
        entropy,
        confidence=Confidence.MEDIUM,
    )


PROVIDER_RULES: tuple[SecretRule, ...] = (
    # Clouds
    _token(
        "aws-access-key-id", "AWS access key id", ("AKIA", "ASIA", "ABIA", "ACCA"), "[A-Z2-7]{16}"
    ),
    SecretRule(
        "aws-secret-access-key",
        "AWS secret access key",
        ("aws", "secret_access_key", "secretaccesskey"),
        r"(?i:aws[a-z0-9_.\-]{0,20}(?:secret|sk)[a-z_.\-]{0,20}|secret_?access_?key)"
        + _ASSIGN
        + r"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        3.8,
    ),
    SecretRule(
        "google-api-key",
        "Google API key",
        ("aiza",),
        _START + r"(AIza[A-Za-z0-9_-]{35})" + _END,
        3.5,
    ),
    _token("google-oauth-secret", "Google OAuth client secret", "GOCSPX-", "[A-Za-z0-9_-]{28}"),
    SecretRule(
        "azure-storage-key",
        "Azure storage account key",
        ("accountkey",),
        r"(?i:AccountKey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{86}==)",
        4.0,
    ),
    SecretRule(
        "azure-client-secret",
        "Azure client secret",
        ("q~",),
        r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?:[^A-Za-z0-9_~.-]|$)",
        3.5,
    ),
    _token(
        "digitalocean-token",
        "DigitalOcean token",
        ("dop_v1_", "doo_v1_", "dor_v1_"),
        "[a-f0-9]{64}",
    ),
    _token("alibaba-access-key-id", "Alibaba Cloud access key id", "LTAI", "[A-Za-z0-9]{20}", 3.5),
    _named(
        "heroku-api-key",
        "Heroku API key",
        "heroku",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ),
    _named("cloudflare-api-token", "Cloudflare API token", "cloudflare", "[A-Za-z0-9_-]{40}", 3.6),
    _token(
        "planetscale-token",
        "PlanetScale token",
        ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"),
        r"[\w.-]{32,64}",
    ),
    _token(
        "hashicorp-vault-token",
        "HashiCorp Vault token",
        ("hvs.", "hvb."),
        "[A-Za-z0-9_-]{24,}",
        3.5,
    ),
    SecretRule(
        "terraform-cloud-token",
        "Terraform Cloud token",
        (".atlasv1.",),
        r"([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70})",
        3.5,
    ),
    _token("databricks-token", "Databricks token", "dapi", "[a-f0-9]{32}(?:-[0-9])?"),
    _token("doppler-token", "Doppler token", ("dp.pt.", "dp.st.", "dp.sa."), "[A-Za-z0-9.]{40,60}"),
    _token("fly-token", "Fly.io token", ("fo1_",), r"[\w-]{43}", 3.5),
    # Code hosts and registries
    _token(
        "github-token", "GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "[A-Za-z0-9]{36,}"
    ),
    _token(
        "github-fine-grained-token",
        "GitHub fine-grained token",
        "github_pat_",
        "[A-Za-z0-9_]{82}",
        3.5,
    ),
    _token(
        "gitlab-token",
        "GitLab token",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"),
        r"[\w.-]{20,50}",
    ),
    _token("npm-token", "npm access token", "npm_", "[A-Za-z0-9]{36}", 3.5),
    SecretRule(
        "npmrc-auth-token",
        "npm registry token",
        ("_authtoken",),
        r":_authToken\s{0,3}=\s{0,3}['\"]?([A-Za-z0-9_-]{20,})",
        3.2,
    ),
    _token("pypi-token", "PyPI token", "pypi-AgEIcHlwaS5vcmc", "[A-Za-z0-9_-]{50,}", 3.5),
    _token("rubygems-token", "RubyGems token", "rubygems_", "[a-f0-9]{48}"),
    _token("crates-io-token", "crates.io token", "cio", "[A-Za-z0-9]{32}", 3.8),
    _token("nuget-key", "NuGet API key", "oy2", "[a-z0-9]{43}", 3.5),
    _token("docker-hub-token", "Docker Hub token", ("dckr_pat_", "dckr_oat_"), r"[\w-]{27,32}"),
    _token(
        "bitbucket-token",
        "Bitbucket or Atlassian token",
        ("ATATT3", "ATBB"),
        "[A-Za-z0-9_=-]{20,}",
        3.5,
    ),
    # Language models
    _token(
        "anthropic-api-key",
        "Anthropic API key",
        ("sk-ant-api03-", "sk-ant-admin01-", "sk-ant-oat01-"),
        r"[\w-]{80,110}",
        3.5,
    ),
    SecretRule(
        "openai-api-key",
        "OpenAI API key",
        ("t3blbkfj",),
        _START
        + r"(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,80}T3BlbkFJ[A-Za-z0-9_-]{20,80})"
        + _END,
        3.5,
    ),
    _token("hugging-face-token", "Hugging Face token", ("hf_", "api_org_"), "[A-Za-z]{34}", 3.5),
    _token("replicate-token", "Replicate token", "r8_", "[A-Za-z0-9]{37}", 3.5),
    _token("groq-api-key", "Groq API key", "gsk_", "[A-Za-z0-9]{52}", 3.5),
    _token("perplexity-api-key", "Perplexity API key", "pplx-", "[A-Za-z0-9]{48}", 3.5),
    # Payment
    _token("stripe-live-key", "Stripe live key", ("sk_live_", "rk_live_"), "[A-Za-z0-9]{16,}"),
    _token(
        "stripe-webhook-secret", "Stripe webhook secret", "whsec_", "[A-Za-z0-9+/=]{32,64}", 3.5
    ),
    _token("square-token", "Square token", ("sq0atp-", "sq0csp-"), r"[\w-]{22,43}"),
    _token(
        "shopify-token",
        "Shopify token",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        "[a-fA-F0-9]{32}",
    ),
    SecretRule(
        "paypal-braintree-token",
        "Braintree access token",
        ("access_token$production$",),
        r"(access_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32})",
    ),
    # Messages
    _token(
        "slack-token",
        "Slack token",
        ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-"),
        "[0-9A-Za-z-]{20,}",
    ),
    _token(
        "slack-app-token", "Slack app token", "xapp-", r"\d-[A-Z0-9]{8,14}-\d{8,16}-[a-f0-9]{40,80}"
    ),
    SecretRule(
        "slack-webhook",
        "Slack webhook address",
        ("hooks.slack.com",),
        r"(hooks\.slack\.com/(?:services|workflows|triggers)/T[A-Z0-9]{6,14}/[A-Z0-9]{6,14}/[A-Za-z0-9]{16,64})",
        3.5,
    ),
    SecretRule(
        "discord-webhook",
        "Discord webhook address",
        ("/api/webhooks/",),
        r"(discord(?:app)?\.com/api/webhooks/\d{16,20}/[\w-]{60,80})",
        3.5,
    ),
    SecretRule(
        "discord-bot-token",
        "Discord bot token",
        ("discord",),
        r"(?i:discord)[^\n]{0,60}['\"= ]([MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,38})",
        3.8,
    ),
    SecretRule(
        "telegram-bot-token",
        "Telegram bot token",
        (":aa",),
        _START + r"(\d{8,10}:AA[A-Za-z0-9_-]{33})" + _END,
        3.5,
    ),
    SecretRule(
        "teams-webhook",
        "Microsoft Teams webhook address",
        ("webhook.office.com",),
        r"(webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/"
        r"[a-f0-9]{32}/[0-9a-f-]{36})",
    ),
    SecretRule(
        "sendgrid-key",
        "SendGrid API key",
        ("sg.",),
        _START + r"(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})" + _END,
        3.5,
    ),
    _token("mailgun-key", "Mailgun API key", "key-", "[a-f0-9]{32}", 3.2),
    SecretRule(
        "mailchimp-key",
        "Mailchimp API key",
        ("-us",),
        _START + r"([a-f0-9]{32}-us\d{1,2})" + _END,
        3.2,
    ),
    _token("sendinblue-key", "Brevo API key", "xkeysib-", "[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _named("twilio-auth-token", "Twilio auth token", "twilio", "[0-9a-f]{32}"),
    # Operations and products
    _token("grafana-token", "Grafana token", ("glsa_", "glc_"), r"[A-Za-z0-9_=+/]{32,}", 3.5),
    _token("newrelic-key", "New Relic key", ("NRAK-", "NRJS-"), "[A-Z0-9a-f]{19,27}"),
    _token("sentry-token", "Sentry token", ("sntrys_", "sntryu_"), "[A-Za-z0-9_=+/]{40,}", 3.5),
    _named("datadog-api-key", "Datadog API key", "datadog", "[0-9a-f]{32}(?:[0-9a-f]{8})?"),
    _token("postman-key", "Postman API key", "PMAK-", "[a-f0-9]{24}-[a-f0-9]{34}"),
    _token("linear-key", "Linear API key", "lin_api_", "[A-Za-z0-9]{40}", 3.5),
    _token("notion-token", "Notion token", ("ntn_",), "[A-Za-z0-9]{40,50}", 3.5),
    _token("figma-token", "Figma token", ("figd_",), r"[\w-]{40,60}", 3.5),
    _token("dropbox-token", "Dropbox token", ("sl.",), r"[A-Za-z0-9_-]{130,}", 3.8),
    _token("facebook-token", "Facebook access token", "EAACEdEose0cBA", "[A-Za-z0-9]{80,}", 3.8),
    _token(
        "age-secret-key",
        "age secret key",
        "AGE-SECRET-KEY-1",
        "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    ),
    SecretRule(
        "json-web-token",
        "signed JSON web token",
        ("eyj",),
        _START + r"(eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,})" + _END,
        4.0,
        Severity.WARNING,
        Confidence.MEDIUM,
    ),
)

PRIVATE_KEY_RULE = SecretRule(
    "private-key",
    "private key",
    ("private key", "putty-user-key-file"),
    r"(-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]:)",
)

URL_PASSWORD_RULE = SecretRule(
    "url-password",
    "password in an address",
    ("://",),
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:@/'\"`<>]{0,80}:([^\s@'\"`<>]{3,}?)@[A-Za-z0-9.\-\[_]",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
)
