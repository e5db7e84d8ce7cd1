"""Variables that look like settings and are none: most often one that is misspelt. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

from commandcenter.hub.settings import Settings

_PREFIX = "COMMANDCENTER_"
# Read by others than the hub: the CLI, the runner, the build, and the SDK of agents.
_OTHERS = ("URL", "TOKEN_FILE", "DEBUG", "BWRAP", "WITHOUT_DASHBOARD")
_OF_AGENTS = ("IN", "OUT", "WORKSPACE", "SECRETS")
_MAX_NAME = 100


def unknown_settings(names: Iterable[str]) -> list[str]:
    """Return a sentence for each of these names of variables that nothing reads.

    Only names are looked at and told, never a value: that of a misspelt one may be a secret.
    """
    settings = [name.upper() for name in (*Settings.model_fields, *_OTHERS)]
    told = []
    for given in sorted(names):
        name = given.upper()  # as the settings are read, in any case
        if not name.startswith(_PREFIX):
            continue
        name = name.removeprefix(_PREFIX)
        if name in settings or name in _OF_AGENTS:
            continue
        near = get_close_matches(name[:_MAX_NAME], settings, n=1)
        meant = f" Did you mean {_PREFIX}{near[0]}?" if near else ""
        told.append(f"{given[:_MAX_NAME]} is no setting and is ignored.{meant}")
    return told
