import os
from datetime import timedelta
from pathlib import Path

from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.logs.retention import prune_logs
from commandcenter.models import Run
from tests.integration.projects.domain_hub import make_run

_KEEP = timedelta(days=30)
_PLENTY = 10**9


async def ended(database: Database, run_id: str, days_ago: float | None) -> None:
    await make_run(database, run_id)
    if days_ago is not None:
        async with database.write() as session:
            run = await session.get_one(Run, run_id)
            run.finished_at = utc_now() - timedelta(days=days_ago)


def make_log(logs: Path, run_id: str, *, size: int = 4096, days_ago: float = 0) -> None:
    attempt = logs / run_id / f"{run_id}.scan.1"
    attempt.mkdir(parents=True)
    file = attempt / "000000000001.log"
    file.write_bytes(b"x" * size)
    at = (utc_now() - timedelta(days=days_ago)).timestamp()
    for path in (file, attempt, attempt.parent):
        os.utime(path, (at, at))


def left(logs: Path) -> set[str]:
    return {path.name for path in logs.iterdir()}


async def test_old_logs_go_but_never_those_of_a_run_under_way(
    database: Database, tmp_path: Path
) -> None:
    for run_id, days_ago in (("run_old", 31), ("run_new", 1), ("run_running", None)):
        await ended(database, run_id, days_ago)
        make_log(tmp_path / "logs", run_id, days_ago=40)
    make_log(tmp_path / "logs", "run_forgotten", days_ago=40)
    make_log(tmp_path / "logs", "run_unknown", days_ago=1)
    (tmp_path / "logs" / "stray-file").write_text("")
    pruned = await prune_logs(database, tmp_path / "logs", keep=_KEEP, max_total_bytes=_PLENTY)
    assert pruned.runs == 2
    assert pruned.freed_bytes >= 8192
    assert left(tmp_path / "logs") == {"run_new", "run_running", "run_unknown", "stray-file"}
    again = await prune_logs(database, tmp_path / "logs", keep=_KEEP, max_total_bytes=_PLENTY)
    assert (again.runs, again.freed_bytes) == (0, 0)


async def test_the_oldest_go_until_the_rest_fits(database: Database, tmp_path: Path) -> None:
    for number in range(5):
        await ended(database, f"run_{number}", 5 - number)
        make_log(tmp_path / "logs", f"run_{number}", size=100_000)
    await ended(database, "run_running", None)
    make_log(tmp_path / "logs", "run_running", size=100_000)
    pruned = await prune_logs(database, tmp_path / "logs", keep=_KEEP, max_total_bytes=320_000)
    assert left(tmp_path / "logs") == {"run_3", "run_4", "run_running"}
    assert pruned.kept_bytes <= 320_000
    await prune_logs(database, tmp_path / "logs", keep=_KEEP, max_total_bytes=0)
    assert left(tmp_path / "logs") == {"run_running"}


async def test_no_logs_at_all(database: Database, tmp_path: Path) -> None:
    pruned = await prune_logs(database, tmp_path / "logs", keep=_KEEP, max_total_bytes=0)
    assert pruned.runs == 0
