import pytest

from commandcenter.stacks.compose.units import (
    parse_boolean,
    parse_bytes,
    parse_duration,
    parse_integer,
    parse_mode,
    parse_number,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "size"),
    [(512, 512), ("512", 512), ("1k", 1024), ("1K", 1024), ("2kb", 2048), ("1.5G", 1536 * 1024**2),
     ("3 MB", 3 * 1024**2), ("1gib", 1024**3), ("7b", 7), ("0", 0)],
)  # fmt: skip
def test_sizes(value: object, size: int) -> None:
    assert parse_bytes(value) == size


@pytest.mark.parametrize("value", ["", "x", "-1", "1x", "1.2.3m", "9" * 40, "1e9", True, -5])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_bytes(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("2us", 2e-6), ("1d", 86400),
     ("0", 0), ("0s", 0)],
)  # fmt: skip
def test_durations(value: str, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "30", "soon", "-1s", "s", "1y", "9999999h", "1h" * 99])
def test_what_is_no_duration(value: str) -> None:
    with pytest.raises(ValueError, match=r"duration|year"):
        parse_duration(value)


def test_numbers_and_booleans() -> None:
    assert (parse_integer("5"), parse_integer(5.0), parse_integer("-1")) == (5, 5, -1)
    assert parse_number("0.50") == 0.5
    assert [parse_boolean(word) for word in ("Yes", "on", "1", True)] == [True] * 4
    assert [parse_boolean(word) for word in ("no", "OFF", "0", False)] == [False] * 4
    assert (parse_mode("0440"), parse_mode(0o440), parse_mode("0o755")) == (0o440, 0o440, 0o755)
    for function, value in (
        (parse_integer, "5.5"),
        (parse_integer, True),
        (parse_integer, "9" * 30),
        (parse_number, "nan"),
        (parse_number, "x"),
        (parse_boolean, "maybe"),
        (parse_mode, "rw"),
        (parse_mode, "99999"),
    ):
        with pytest.raises(ValueError, match=r"not a|neither"):
            function(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), (1.1, "1.1"), (1e6, "1e+06"), (123456789.0, "1.23456789e+08"),
     (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (-2.5, "-2.5"), (1e21, "1e+21"), (-0.0, "-0"),
     (123456.0, "123456"), (True, "true"), (False, "false"), (None, ""), ("x", "x")],
)  # fmt: skip
def test_scalars_become_text_as_in_compose(value: object, text: str) -> None:
    assert text_of(value) == text
