"""Puts the analysis library where the hub puts it for an agent: beside the SDK on the path."""

import sys
from pathlib import Path

_LIBRARY = str(Path(__file__).resolve().parent)
if _LIBRARY not in sys.path:
    sys.path.insert(0, _LIBRARY)
