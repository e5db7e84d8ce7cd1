from pathlib import Path

import pytest

from commandcenter.runtimes.registry import UnknownRuntimeError, create_runtime, runtime_names


@pytest.mark.parametrize("name", runtime_names())
async def test_each_name_makes_a_runtime_without_starting_anything(
    name: str, tmp_path: Path
) -> None:
    runtime = create_runtime(name, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    await runtime.close()


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownRuntimeError) as caught:
        create_runtime("moon", tmp_path)
    assert "sandbox" in (caught.value.hint or "")
