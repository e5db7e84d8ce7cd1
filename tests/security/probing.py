"""The escape attempts of `sandbox/probes.py`, for all runtimes."""

from pathlib import Path

PROBES = Path(__file__).parent / "sandbox" / "probes.py"
GROUPS = ("files", "processes", "kernel", "sockets", "syscalls", "privilege")
