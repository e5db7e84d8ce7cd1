import pytest

from commandcenter.stacks.default_stack import StackLayout
from commandcenter.stacks.detect import ComposeFound, DefaultFound, detect_stack
from tests.unit.stacks.compose.reading_parts import MemoryFiles


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["compose.yaml"], ComposeFound(("compose.yaml",))),
        (["docker-compose.yml"], ComposeFound(("docker-compose.yml",))),
        (
            ["docker-compose.yml", "compose.yml", "compose.override.yml"],
            ComposeFound(("compose.yml", "compose.override.yml"), ("docker-compose.yml",)),
        ),
        (
            ["compose.yaml", "docker-compose.override.yaml"],
            ComposeFound(("compose.yaml", "docker-compose.override.yaml")),
        ),
        (["compose.override.yaml"], DefaultFound(StackLayout(), ("backend", "frontend"))),
        (["sub/compose.yaml"], DefaultFound(StackLayout(), ("backend", "frontend"))),
        (
            ["backend/main.py", "frontend/package.json"],
            DefaultFound(StackLayout("backend", "main:app", "frontend")),
        ),
        (
            ["backend/app/main.py", "package.json"],
            DefaultFound(StackLayout("backend", "app.main:app", ".")),
        ),
        (["main.py"], DefaultFound(StackLayout(".", "main:app"), ("frontend",))),
    ],
)
def test_what_a_folder_brings(names: list[str], expected: ComposeFound | DefaultFound) -> None:
    assert detect_stack(MemoryFiles(dict.fromkeys(names, ""))) == expected
