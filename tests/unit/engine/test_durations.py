import pytest

from commandcenter.engine.durations import parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("500ms", 0.5),
        ("1s", 1.0),
        ("5m", 300.0),
        ("24h", 86400.0),
        ("7d", 604800.0),
        ("1.5h", 5400.0),
        ("90", 90.0),
        (90, 90.0),
        (0.25, 0.25),
    ],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s",
        "1 s",
        "1w",
        "-1s",
        "1h30m",
        "1e3s",
        "0s",
        0,
        -1,
        True,
        None,
        [],
        "367d",
        10**400,
        float("nan"),
        float("inf"),
        "9" * 100,
        "\u0661s",
    ],
)
def test_what_is_not_a_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)
