from pathlib import Path

from commandcenter.cli.local_hub import remove_tree


def test_read_only_folders_are_removed_as_well(tmp_path: Path) -> None:
    inner = tmp_path / "data" / "agents" / "copy"
    inner.mkdir(parents=True)
    (inner / "main.py").write_text("x")
    (inner / "link").symlink_to(tmp_path)
    for folder in (inner, inner.parent):
        folder.chmod(0o500)
    remove_tree(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
