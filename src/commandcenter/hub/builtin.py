"""Where the agents and libraries lie that come with the product."""

from pathlib import Path

import commandcenter

# Shared by agents, not agents themselves.
LIBRARIES = ("sdk", "analysis")


def builtin_agents() -> Path:
    """Return the folder of the built-in agents: inside the wheel, or beside the sources."""
    package = Path(commandcenter.__file__).parent
    for candidate in (package / "_agents", package.parent.parent / "agents"):
        if (candidate / "sdk").is_dir():
            return candidate
    raise FileNotFoundError(f"no built-in agents beside {package}: the installation is incomplete")
