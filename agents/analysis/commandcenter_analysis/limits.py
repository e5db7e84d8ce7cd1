"""How much of a repository is looked at. What lies beyond a limit is reported as skipped."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one scan, in bytes, characters, files and seconds."""

    entries: int = 400_000
    """Directory entries read before the walk stops."""
    depth: int = 60
    files: int = 60_000
    """Files looked into."""
    file_bytes: int = 8_000_000
    """A larger file is not read."""
    code_bytes: int = 1_000_000
    """A larger file is searched for secrets but not parsed."""
    code_line_chars: int = 20_000
    """A file with a longer line is searched for secrets but not parsed: parsers choke on them."""
    total_bytes: int = 1_000_000_000
    seconds_per_file: float = 15.0
    seconds: float = 240.0
    """For the whole scan."""
    findings_per_file: int = 200
    findings: int = 1_000
    """In the output; the count says how many there were."""
    findings_kept: int = 25_000
    """In memory and in the SARIF report, as many as code hosts take; then files are skipped."""
    skipped: int = 500
    """Skipped files named in the output; the count says how many there were."""


DEFAULT_LIMITS = Limits()
