import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from commandcenter.cli.terminal import clean, console, facts, one_line, table


def test_what_could_move_the_cursor_or_hide_is_written_out() -> None:
    assert clean("\x1b[2Jgone") == "\\x1b[2Jgone"
    assert clean("a\u202eb\u200bc") == "a\\u202eb\\u200bc"
    assert clean("tab\tand\nline") == "tab\tand\nline"
    assert clean("\r\n") == "\\x0d\n"
    assert clean("grüße ✔ 日本") == "grüße ✔ 日本"
    assert clean("\U000e0041") == "\\U000e0041"


@given(st.text())
def test_nothing_unsafe_is_left(text: str) -> None:
    shown = clean(text, keep="")
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs"}
    assert clean(shown, keep="") == shown


def test_one_line_is_cut() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"


def test_into_a_pipe_nothing_is_wrapped_coloured_or_padded() -> None:
    stream = io.StringIO()
    target = console(stream)
    target.print(table(("A", "LONG"), [("x", "y" * 500), ("  indented", "[bold]z[/bold]")]))
    target.print(facts((("Name", "value"), ("None", None), ("Longer", "v"))))
    lines = stream.getvalue().splitlines()
    assert "y" * 500 in lines[1]
    assert lines[2].startswith("  indented")
    assert lines[2].endswith("[bold]z[/bold]")
    assert all(line == line.rstrip() for line in lines)
    assert not any("None" in line for line in lines)
    assert "\x1b" not in stream.getvalue()
