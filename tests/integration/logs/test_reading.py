import json
from pathlib import Path
from typing import Any

import pytest

from commandcenter.kit.database import Database
from tests.conftest import RunningHub
from tests.integration.logs.attempt_logs import finish, make_attempts, writer

URL = "/api/v1/runs/run_1/steps/scan/logs"


@pytest.fixture
async def data(domains: RunningHub) -> Path:
    await make_attempts(domains.services.get(Database), numbers=(1, 2))
    return domains.settings.data_directory


async def lines(hub: RunningHub, **params: Any) -> list[dict[str, Any]]:
    answer = await hub.client.get(URL, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_the_last_lines_of_the_latest_attempt(domains: RunningHub, data: Path) -> None:
    writer(data, 1).append("stdout", ["first try"])
    log = writer(data, 2)
    log.append("stdout", [f"line {number}" for number in range(1, 301)])
    log.append("stderr", ["trouble: Ä\u2028"])
    found = await lines(domains)
    assert [line["number"] for line in found] == list(range(202, 302))
    assert (found[-1]["stream"], found[-1]["text"]) == ("stderr", "trouble: Ä\u2028")
    assert [line["text"] for line in await lines(domains, attempt=1)] == ["first try"]
    assert [line["text"] for line in await lines(domains, tail=1, stream="stdout")] == ["line 300"]
    assert [line["number"] for line in await lines(domains, after=299, tail=2)] == [300, 301]
    assert await lines(domains, after=301) == []


async def test_search(domains: RunningHub, data: Path) -> None:
    writer(data, 2).append("stdout", [f"line {number} (x" for number in range(1, 301)])
    assert len(await lines(domains, grep="7 (x")) == 30
    assert [line["number"] for line in await lines(domains, grep="7", tail=2)] == [287, 297]
    assert [line["number"] for line in await lines(domains, grep="7", after=10, tail=2)] == [17, 27]
    assert len(await lines(domains, grep=r"line \d0 ", regex=True)) == 9
    wrong = await domains.client.get(URL, params={"grep": "(x", "regex": True})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "log_pattern_invalid")


async def test_plain_text_and_whether_it_is_closed(domains: RunningHub, data: Path) -> None:
    log = writer(data, 2)
    log.append("stdout", ["one", "two"])
    answer = await domains.client.get(URL, headers={"Accept": "text/plain"})
    assert (answer.text, answer.headers["x-log-closed"]) == ("one\ntwo\n", "false")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-attempt-id"] == "run_1.scan.2"
    log.close()
    answer = await domains.client.get(URL)
    assert answer.headers["x-log-closed"] == "true"


async def test_download(domains: RunningHub, data: Path) -> None:
    writer(data, 2).append("stdout", [f"line {number}" for number in range(5000)])
    answer = await domains.client.get(f"{URL}/download")
    assert len(answer.text.splitlines()) == 5000
    assert answer.text.splitlines()[4999].endswith("Z stdout line 4999")
    assert "run_1.scan.2.log" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("tail", [0, 10_001])
async def test_limits_of_tail(domains: RunningHub, data: Path, tail: int) -> None:
    assert (await domains.client.get(URL, params={"tail": tail})).status_code == 422


async def test_what_there_is_none_of_is_named(domains: RunningHub, data: Path) -> None:
    for url, words in (
        ("/api/v1/runs/run_9/steps/scan/logs", "no run 'run_9'"),
        ("/api/v1/runs/run_1/steps/scna/logs", "no step 'scna'"),
        ("/api/v1/runs/run_1/steps/tell/logs", "has not started"),
        (f"{URL}?attempt=3", "no attempt 3"),
    ):
        answer = await domains.client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "log_not_found")
        assert words in answer.json()["detail"]
    unknown = await domains.client.get("/api/v1/runs/run_1/steps/scna/logs")
    assert "scan, tell" in unknown.json()["hint"]


async def test_a_deleted_log_is_told_from_an_empty_one(domains: RunningHub, data: Path) -> None:
    assert await lines(domains) == []  # started, nothing written yet
    await finish(domains.services.get(Database), 2)
    gone = await domains.client.get(URL)
    assert (gone.status_code, gone.json()["code"]) == (404, "log_gone")
