"""Keeps wheels without the dashboard from being built by accident. It never runs npm."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is unused
    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        page = Path(self.root, "src", "commandcenter", "_ui", "index.html")
        if version == "editable" or page.is_file():
            return
        if os.environ.get("COMMANDCENTER_WITHOUT_DASHBOARD") != "1":
            raise RuntimeError(
                "The dashboard is not built, and this wheel would not have it. Run `make ui` "
                "(Node 20.19 or newer), or set COMMANDCENTER_WITHOUT_DASHBOARD=1."
            )
