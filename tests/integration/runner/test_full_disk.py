"""What the runner cannot store costs a result at most: it stays usable, and it goes when asked."""

import json
from pathlib import Path

import pytest

from commandcenter.kit.errors import ProblemError
from commandcenter.runner.client import RunnerClient
from tests.integration.runner.conftest import Place, eventually


def cgroups(place: Place) -> list[Path]:
    noted: list[str] = json.loads(place.paths.leftovers.read_text())["cgroups"]
    return [Path(text) for text in noted]


async def ended_without_a_result(place: Place, client: RunnerClient) -> str:
    """Return an attempt that has ended, and whose result could not be written."""
    await client.start(request := place.request("sleep", "60"))
    (place.paths.attempt(request.attempt_id) / "result.new").mkdir()  # where it is written first
    await client.stop(request.attempt_id, 0.0)
    assert (await client.wait(request.attempt_id))[0].reason == "cancelled"
    assert not place.paths.result(request.attempt_id).exists()
    return request.attempt_id


async def test_an_attempt_whose_result_was_not_stored_can_be_removed(place: Place) -> None:
    client = place.client()
    attempt = await ended_without_a_result(place, client)

    await client.stop(attempt, 0.0)
    assert (await client.wait(attempt))[0].reason == "cancelled"
    await client.remove(attempt)

    assert not await client.known(attempt)
    await client.start(request := place.request("true"))
    assert (await client.wait(request.attempt_id))[0].exit_code == 0


async def test_an_end_is_told_where_not_even_the_log_has_room(place: Place) -> None:
    place.paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.paths.own_log.symlink_to("/dev/full")

    await ended_without_a_result(place, place.client())


async def test_a_result_that_was_told_does_not_hold_the_runner(place: Place) -> None:
    client = place.client()
    await ended_without_a_result(place, client)
    trees = cgroups(place)

    await client.retire_if_idle()

    await eventually("the runner is gone", lambda: not place.alive())
    assert not [tree for tree in trees if tree.exists()]


async def test_it_retires_over_a_connection_of_its_own(place: Place) -> None:
    client = place.client()
    await client.status()
    assert client._connection is not None
    client._connection.writer.transport.abort()

    await client.retire_if_idle()

    await eventually("the runner is gone", lambda: not place.alive())


async def test_an_attempt_without_a_log_leaves_nothing(place: Place) -> None:
    client = place.client()
    await client.status()
    request = place.request("true")
    blocked = place.paths.log(request.attempt_id).parent
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("in the way")

    with pytest.raises(ProblemError):
        await client.start(request)

    leaves = [leaf for tree in cgroups(place) for leaf in tree.glob("*/")]
    assert leaves == []
    blocked.unlink()
    assert await client.start(request)
    assert (await client.wait(request.attempt_id))[0].exit_code == 0


async def test_results_that_cannot_be_kept_are_not_the_programs_fault(
    place: Place, tmp_path: Path
) -> None:
    client = place.client()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    script = "echo '{}' > /out/output.json; until [ -e /workspace/go ]; do sleep 0.01; done"
    request = place.request("/bin/sh", "-c", script, workspace=str(workspace))
    await client.start(request)
    place.paths.output(request.attempt_id).mkdir()
    (workspace / "go").touch()

    outcome, _ = await client.wait(request.attempt_id)

    assert outcome.reason == "system_error"
    assert "cannot be stored" in outcome.message
