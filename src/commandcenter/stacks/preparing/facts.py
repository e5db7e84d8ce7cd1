"""What was found in an image, as it is put on record with the service that runs in it."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from commandcenter.runtimes.images import ImageFacts

_ADAPTER = TypeAdapter(ImageFacts)


def stored_facts(facts: ImageFacts | None) -> dict[str, Any] | None:
    return None if facts is None else _ADAPTER.dump_python(facts, mode="json")


def facts_of(stored: Mapping[str, Any] | None) -> ImageFacts | None:
    """Return the facts; None if there are none, or another version stored them."""
    try:
        return None if stored is None else _ADAPTER.validate_python(stored)
    except ValidationError:
        return None
