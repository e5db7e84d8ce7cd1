import pytest

from commandcenter.stacks.default_stack import StackPorts, StackSecrets, default_stack
from commandcenter.stacks.health import CommandProbe, HealthCheck, ShellProbe, TcpProbe
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.snapshot import SnapshotError, from_text, to_text


def test_the_default_stack_comes_back_as_it_was() -> None:
    secrets = StackSecrets("p" * 43, "s" * 43)
    stack = default_stack("shop", StackPorts(1, 2, 3, 4), secrets)
    assert from_text(to_text(stack)) == stack


@pytest.mark.parametrize(
    "probe", [CommandProbe(("true", "$")), ShellProbe("a && b"), TcpProbe(6379)]
)
def test_every_probe_keeps_its_kind(probe: CommandProbe | ShellProbe | TcpProbe) -> None:
    stack = Stack("shop", (Service("a", environment={"$": "x"}, health=HealthCheck(probe)),))
    assert from_text(to_text(stack)) == stack


@pytest.mark.parametrize("text", ["", "[]", '{"$":"Unknown"}', '{"$":"Stack","other":1}'])
def test_what_another_version_wrote_is_refused(text: str) -> None:
    with pytest.raises(SnapshotError):
        from_text(text)
