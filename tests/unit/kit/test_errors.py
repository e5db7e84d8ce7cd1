import pytest

from commandcenter.kit.errors import ProblemError


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("there is no agent 'x'", "There is no agent 'x'"),
        ("more than 3, and no less", "More than 3, and no less"),
        ("watcher is viewer", "watcher is viewer"),
        ("inputs.patch: is missing", "inputs.patch: is missing"),
        ("name: is missing", "name: is missing"),
        ("agent.yaml has no name", "agent.yaml has no name"),
        ("/data cannot be read", "/data cannot be read"),
        ("It is well", "It is well"),
        ("", ""),
    ],
)
def test_what_is_told_begins_like_a_sentence(given: str, shown: str) -> None:
    assert ProblemError(given).detail == shown
