"""A name for a finding that stays the same when lines above it come and go."""

import hashlib
from collections import Counter
from dataclasses import replace

from commandcenter_analysis.findings import Finding


class Fingerprints:
    """Gives each finding of one scan its fingerprint.

    It is made of the rule, the file, the line's text without its white space and, where the same
    text occurs more than once in a file, which occurrence it is. A secret is not part of it: the
    caller passes the line with the secret already masked.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def stamp(self, finding: Finding, line_text: str) -> Finding:
        text = "".join(line_text.split())[:2000]
        key = "\0".join((finding.rule_id, finding.file, text))
        occurrence = self._seen[key]
        self._seen[key] += 1
        digest = hashlib.sha256(f"{key}\0{occurrence}".encode(errors="replace"))
        return replace(finding, fingerprint=digest.hexdigest()[:32])
