"""CommandCenter: durable workflows of sandboxed agents, with a human approving what is risky."""

__version__ = "0.1.0"
