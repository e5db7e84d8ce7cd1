import pytest

from commandcenter.stacks.compose.dotenv import EnvFileError, parse_env_file

OUTSIDE = {"OUTSIDE": "from outside"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("# comment\n\n  A=1  \n", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A: 1", {"A": "1"}),
        ("A = spaced out ", {"A": "spaced out"}),
        ("A=", {"A": ""}),
        ("A=1 # comment", {"A": "1"}),
        ("A=1#kept", {"A": "1#kept"}),
        ("A='single $B # \\n'", {"A": "single $B # \\n"}),
        ("A='it\\'s'", {"A": "it's"}),
        ('A="double\\n\\t\\"q\\""', {"A": 'double\n\t"q"'}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ('A="quoted" # comment\nB=1', {"A": "quoted", "B": "1"}),
        ('A=x\nB=$A-${A}-${NOPE:-d}-"q"', {"A": "x", "B": 'x-x-d-"q"'}),
        ('A="$OUTSIDE"', {"A": "from outside"}),
        ('A="\\$B $$C"', {"A": "$B $C"}),
        ("OUTSIDE\nNOWHERE\nA=1", {"OUTSIDE": "from outside", "A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("a.b-c=1", {"a.b-c": "1"}),
        ("", {}),
    ],
)
def test_an_env_file_is_read(text: str, expected: dict[str, str]) -> None:
    assert parse_env_file(text, OUTSIDE.get) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\n=2", 2, "does not begin with the name"),
        ("A=1\n\nB C=2", 3, "followed by neither"),
        ('A=1\nB="open\n', 2, "has no end"),
        ("A=${B", 1, "no closing brace"),
        ("A=${B:?say it}", 1, "say it"),
    ],
)
def test_what_is_no_env_file_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(EnvFileError, match=message) as caught:
        parse_env_file(text, OUTSIDE.get)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text", ["-----BEGIN hunter2", "A=$A${hunter2!", "A=${hunter2!}", "A hunter2"]
)
def test_what_stands_in_the_file_is_not_shown(text: str) -> None:
    with pytest.raises(EnvFileError) as caught:
        parse_env_file(text, OUTSIDE.get)
    assert "hunter2" not in str(caught.value)


def test_raw_values_are_taken_as_they_stand() -> None:
    text = 'A="x" $B # y\n# comment\nOUTSIDE\n'
    assert parse_env_file(text, OUTSIDE.get, raw=True) == {
        "A": '"x" $B # y',
        "OUTSIDE": "from outside",
    }


def test_doubling_variables_are_stopped() -> None:
    lines = ["A=aaaaaaaaaaaaaaaa", *(f"A{n}=$A{n - 1}$A{n - 1}" for n in range(1, 60))]
    with pytest.raises(EnvFileError, match="characters"):
        parse_env_file("\n".join(lines).replace("$A0", "$A"), OUTSIDE.get)
