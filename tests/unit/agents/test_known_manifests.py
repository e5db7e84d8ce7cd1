"""A manifest's words are understood once; what depends on the folder is looked at every time."""

from pathlib import Path

import pytest

from commandcenter.agents import manifest as manifest_module
from commandcenter.agents.manifest import load_manifest
from commandcenter.agents.manifest_file import ManifestError
from tests.scenarios.driver import make_agent


def test_the_same_words_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_manifest(make_agent(tmp_path / "a", name="twice"))
    monkeypatch.delattr(manifest_module, "parse_manifest_file")

    assert load_manifest(make_agent(tmp_path / "b", name="twice")) == first


def test_other_words_and_missing_files_are_noticed(tmp_path: Path) -> None:
    folder = make_agent(tmp_path / "a", name="once")
    load_manifest(folder)

    assert load_manifest(make_agent(folder, name="once", version="2.0.0")).version == "2.0.0"
    (folder / "main.py").unlink()
    with pytest.raises(ManifestError, match=str(folder)):
        load_manifest(folder)


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    for number in range(40):
        load_manifest(make_agent(tmp_path / "a", name=f"agent-{number}"))

    assert len(manifest_module._known) <= 32
