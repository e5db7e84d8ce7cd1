from pathlib import Path

from commandcenter.agents.libraries import install_libraries


def library(tmp_path: Path, text: str) -> Path:
    source = tmp_path / "sdk"
    (source / "package").mkdir(parents=True, exist_ok=True)
    (source / "tests").mkdir(exist_ok=True)
    (source / "package" / "__init__.py").write_text(text)
    (source / "tests" / "test_it.py").write_text("")
    return source


def test_copies_and_compiles_once(tmp_path: Path) -> None:
    root = tmp_path / "libraries"
    (copy,) = install_libraries([library(tmp_path, "x = 1")], root)
    assert (copy / "package" / "__init__.py").read_text() == "x = 1"
    assert list((copy / "package" / "__pycache__").glob("__init__.*.pyc"))
    assert not (copy / "tests").exists()
    made = copy.stat().st_ctime_ns
    assert install_libraries([tmp_path / "sdk"], root) == (copy,)
    assert copy.stat().st_ctime_ns == made


def test_changed_content_is_another_copy_and_the_old_one_goes(tmp_path: Path) -> None:
    root = tmp_path / "libraries"
    (old,) = install_libraries([library(tmp_path, "x = 1")], root)
    (new,) = install_libraries([library(tmp_path, "x = 2")], root)
    assert new != old
    assert not old.exists()
    assert (new / "package" / "__init__.py").read_text() == "x = 2"
