"""Keep secrets out of messages: provider tokens by their form, other values by their name."""

import re

MASK = "[masked]"

# Bounded repeats only, so that no input makes matching slow.
_TOKENS = re.compile(
    r"""
    \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                       # AWS access key id
    | \bgh[opusr]_[A-Za-z0-9]{36,255}                   # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{22,255}
    | \bgl(?:pat|dt|rt|ptt|soat|cbt|agent)-[A-Za-z0-9_=.-]{20,255}   # GitLab
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,250}               # Slack
    | \bhttps://hooks\.slack\.com/[A-Za-z0-9/_+-]{20,200}
    | \bsk-[A-Za-z0-9_-]{20,250}                        # Anthropic, OpenAI and others
    | \b[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}         # Stripe
    | \bwhsec_[A-Za-z0-9]{24,250}
    | \bAIza[A-Za-z0-9_-]{35}                           # Google
    | \bya29\.[A-Za-z0-9_-]{20,500}
    | \bnpm_[A-Za-z0-9]{36}
    | \bpypi-[A-Za-z0-9_-]{50,500}
    | \bhf_[A-Za-z0-9]{30,60}
    | \bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}  # SendGrid
    | \bdop_v1_[a-f0-9]{64}
    | \b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b                 # Telegram
    | \beyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,2000}   # JSON web token
    | -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----
      (?:[^-]{0,8000}-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----)?
    """,
    re.VERBOSE,
)
_USER_INFO = re.compile(r"(?P<before>[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{0,100}:)[^\s/@]{1,200}(?=@)")
_ASSIGNED = re.compile(
    r"(?i)(?P<before>\b[\w.-]{0,40}(?:password|passwd|secret|api[_-]?key|access[_-]?key|token)"
    r"[\"']?\s{0,3}[:=]\s{0,3})(?P<value>\"[^\"\n]{4,200}\"|'[^'\n]{4,200}'|[^\s\"',;]{8,200})"
)
_NAMES = re.compile(
    r"(?i)password|passwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential|token$"
)


def mask(text: str) -> tuple[str, int]:
    """Return the text with what looks like a secret replaced, and how many were."""
    text, first = _TOKENS.subn(MASK, text)
    text, second = _USER_INFO.subn(lambda match: match["before"] + MASK, text)
    count = 0

    def assigned(match: re.Match[str]) -> str:
        nonlocal count
        if MASK in match["value"]:
            return match[0]
        count += 1
        return match["before"] + MASK

    return _ASSIGNED.sub(assigned, text), first + second + count


def names_a_secret(name: str) -> bool:
    """Whether a value under this name is masked whatever it looks like."""
    return _NAMES.search(name) is not None
