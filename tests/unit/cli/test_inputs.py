import pytest

from commandcenter.cli.inputs import parse_inputs, parse_step_inputs
from commandcenter.cli.problems import UsageProblemError


def test_text_json_and_the_last_one_counts() -> None:
    given = ["a=1", "b:=[1, 2]", "c=x=y:=z", "d=", "a=2"]
    assert parse_inputs(given) == {"a": "2", "b": [1, 2], "c": "x=y:=z", "d": ""}


@pytest.mark.parametrize("text", ["word", "=x", "a b=c", "1a=x", "n:={", ""])
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(UsageProblemError) as caught:
        parse_inputs([text])
    assert caught.value.hint


def test_inputs_of_steps() -> None:
    given = ["fix.branch=main", "fix.dry:=true", "tell.title=x"]
    assert parse_step_inputs(given) == {
        "fix": {"branch": "main", "dry": True},
        "tell": {"title": "x"},
    }
    with pytest.raises(UsageProblemError):
        parse_step_inputs(["branch=main"])
