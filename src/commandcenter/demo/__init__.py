"""The demo repository: a small shop with planted problems, for a first run without a project."""

from commandcenter.demo.repository import DemoRepository, create_demo_repository

__all__ = ["DemoRepository", "create_demo_repository"]
