"""The licence of the project itself, from the files at its top."""

from collections.abc import Sequence
from dataclasses import dataclass

from commandcenter_analysis.licences.detect import Detected, Source
from commandcenter_analysis.licences.expressions import choices, normalise

_LOCKS = frozenset({"package-lock.json", "npm-shrinkwrap.json", "composer.lock"})


@dataclass(frozen=True, slots=True)
class ProjectLicence:
    """`expression` is empty when the project does not say. `at` is where it says so."""

    expression: str
    at: Detected | None
    manifest: Detected | None = None
    text: Detected | None = None
    unknown_text: Detected | None = None

    @property
    def contradicts_itself(self) -> bool:
        """The manifest names one licence, the licence file is another."""
        if self.manifest is None or self.text is None:
            return False
        named = {
            _family(name) for way in choices(self.manifest.expression) for name in way.licences
        }
        return not any(
            _family(name) in named for way in choices(self.text.expression) for name in way.licences
        )


def project_licence(detected: Sequence[Detected]) -> ProjectLicence:
    """Decide from what was detected in the repository's top directory."""
    top = [found for found in detected if "/" not in found.file]
    manifests = [
        found
        for found in top
        if found.source is Source.MANIFEST and found.expression and found.file not in _LOCKS
    ]
    texts = [
        found for found in top if found.source in {Source.TEXT, Source.TAG} and _is_text(found)
    ]
    known = [found for found in texts if found.expression]
    manifest = manifests[0] if manifests else None
    text = known[0] if known else None
    if len(known) > 1 and text is not None:
        # LICENSE-MIT beside LICENSE-APACHE is an offer of either.
        joined = " OR ".join(sorted({found.expression for found in known}))
        text = Detected(text.file, text.line, joined, text.source)
    chosen = manifest or text
    return ProjectLicence(
        normalise(chosen.expression) if chosen else "",
        chosen,
        manifest,
        text,
        texts[0] if texts and not known and not manifest else None,
    )


def _is_text(found: Detected) -> bool:
    return found.file.lower().startswith(("license", "licence", "copying", "unlicense"))


def _family(identifier: str) -> str:
    """Versions `-only` and `-or-later` share a text."""
    return identifier.partition(" WITH ")[0].removesuffix("-only").removesuffix("-or-later").lower()
