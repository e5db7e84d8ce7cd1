from datetime import UTC, datetime, timedelta

from commandcenter.hub.statistics import Ended, by_hour, by_name, group, percentile

NOW = datetime(2026, 1, 2, 10, 30, tzinfo=UTC)


def _run(
    minutes_ago: int, state: str = "succeeded", seconds: float | None = 1.0, name: str = "w"
) -> Ended:
    at = NOW - timedelta(minutes=minutes_ago)
    return Ended(name, state, at, None if seconds is None else at + timedelta(seconds=seconds))


def test_every_hour_of_the_span_is_there() -> None:
    found = [_run(10), _run(31, "failed"), _run(5, "running", None), _run(95, "cancelled")]
    hours = by_hour(found, until=NOW, hours=3)

    assert [each.at.hour for each in hours] == [8, 9, 10]
    assert [(h.succeeded, h.failed, h.cancelled, h.unfinished) for h in hours] == [
        (0, 0, 1, 0),
        (0, 1, 0, 0),
        (1, 0, 0, 1),
    ]


def test_a_share_and_durations_are_of_what_was_decided() -> None:
    runs = [_run(1, seconds=float(seconds)) for seconds in range(1, 101)]
    of_all = group("", [*runs, _run(1, "failed", 500.0), _run(1, "cancelled", 900.0)])

    assert (of_all.count, of_all.succeeded, of_all.failed, of_all.cancelled) == (102, 100, 1, 1)
    assert of_all.success_share == 100 / 101
    assert (of_all.p50_seconds, of_all.p95_seconds) == (51.0, 96.0)
    nothing = group("", [_run(1, "running", None)])
    assert (nothing.count, nothing.success_share, nothing.p50_seconds) == (1, None, None)


def test_names_come_with_the_most_first_and_cpu_is_added_up() -> None:
    attempts = [
        Ended(name, "succeeded", NOW, NOW, cpu)
        for name, cpu in (("a", 0.5), ("b", 0.25), ("b", 0.25), ("c", 1.0))
    ]
    groups = by_name(attempts, most=2)

    assert [(each.name, each.count, each.cpu_seconds) for each in groups] == [
        ("b", 2, 0.5),
        ("a", 1, 0.5),
    ]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1.0, 2.0], 0.5) == 1.0
    assert percentile([1.0, 2.0], 0.95) == 2.0
