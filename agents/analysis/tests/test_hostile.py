"""Repositories that try to get out, to hang the scan, to exhaust it or to hide from it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from commandcenter_analysis.limits import Limits
from commandcenter_analysis.parallel import Failed, each
from commandcenter_analysis.reading import NotReadError, open_root, read_file
from commandcenter_analysis.scanner import scan_repository
from commandcenter_analysis.skips import SkipReason
from commandcenter_analysis.walk import walk

from agents.analysis.tests.planted import aws_key, github_token, places, plant


def reasons(output: dict[str, object]) -> dict[str, str]:
    skipped = output["filesSkipped"]
    assert isinstance(skipped, list)
    return {entry["file"]: entry["reason"] for entry in skipped}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {"secret.py": f'k = "{aws_key()}"\n'})
    root = plant(tmp_path / "repo", {"a.py": "x = 1\n"})
    (root / "file.py").symlink_to(outside / "secret.py")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    scan = scan_repository(root)
    assert scan.findings == []
    assert scan.output["filesScanned"] == 1
    assert reasons(scan.output) == dict.fromkeys(("file.py", "folder", "loop"), "symlink")
    assert scan.output["incomplete"] is False


def test_a_path_through_a_link_is_refused(tmp_path: Path) -> None:
    outside = plant(tmp_path / "outside", {"secret.py": "k = 1\n"})
    root = plant(tmp_path / "repo", {"a.py": "x = 1\n"})
    (root / "folder").symlink_to(outside)
    descriptor = open_root(root)
    try:
        for path in ("folder/secret.py", "../outside/secret.py", "/etc/passwd", "./a.py", ""):
            with pytest.raises(NotReadError):
                read_file(descriptor, path, most=1000)
    finally:
        os.close(descriptor)


def test_pipes_and_sockets_are_not_opened(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a.py": "x = 1\n"})
    os.mkfifo(root / "pipe.py")
    scan = scan_repository(root)
    assert reasons(scan.output) == {"pipe.py": "not_a_regular_file"}
    assert scan.output["passed"] is True


def test_a_file_that_cannot_be_parsed_makes_the_scan_incomplete(tmp_path: Path) -> None:
    root = plant(tmp_path, {"old.py": "print 'two'\n"})
    scan = scan_repository(root)
    assert reasons(scan.output) == {"old.py": "not_parsed"}
    assert scan.output["incomplete"] is True
    assert scan.output["passed"] is False


def test_code_with_a_nul_is_not_passed_over_quietly(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a.py": b"eval(x)\n\0", "picture.png": b"\x89PNG\0\0"})
    output = scan_repository(root).output
    assert reasons(output) == {"a.py": "unreadable", "picture.png": "binary"}
    assert output["incomplete"] is True


def test_text_in_disguise_is_read(tmp_path: Path) -> None:
    """A picture's first bytes, another encoding, a NUL: none of them hides a secret quietly."""
    line = f'key = "{aws_key()}"\n'
    root = plant(
        tmp_path,
        {
            "like.txt": "GIF89a\n" + line,
            "windows.txt": b"\xff\xfe" + line.encode("utf-16-le"),
            "nul.env": b"\0\n" + line.encode(),
        },
    )
    output = scan_repository(root).output
    assert places(output["findings"]) == [
        ("aws-access-key-id", "like.txt", 2),
        ("aws-access-key-id", "windows.txt", 1),
    ]
    assert reasons(output) == {"nul.env": "unreadable"}
    assert output["incomplete"] is True


def test_more_secrets_in_a_file_than_are_told(tmp_path: Path) -> None:
    text = "".join(f'key{number} = "{aws_key(str(number))}"\n' for number in range(3_000))
    output = scan_repository(plant(tmp_path, {"dump.txt": text})).output
    assert output["findingsTotal"] == 200
    assert reasons(output) == {"dump.txt": "limit_reached"}


def test_a_huge_line_is_searched_and_not_parsed(tmp_path: Path) -> None:
    text = f'var a = "{aws_key()}"; var b = "' + "x y " * 50_000 + '";\n'
    text += "var line = 1;\n" * 2_000
    output = scan_repository(plant(tmp_path, {"a.js": text})).output
    assert [entry["ruleId"] for entry in output["findings"]] == ["aws-access-key-id"]
    assert reasons(output) == {"a.js": "line_too_long"}


def test_a_file_beyond_the_limit_is_named(tmp_path: Path) -> None:
    root = plant(tmp_path, {"big.py": "x = 1\n" * 400, "big.dat": b"\0" * 4_000})
    output = scan_repository(root, limits=Limits(file_bytes=2_000)).output
    assert reasons(output) == {"big.py": "too_large", "big.dat": "binary"}


def test_hiding_places_do_not_hide(tmp_path: Path) -> None:
    key = aws_key()
    root = plant(
        tmp_path,
        {
            ".gitignore": "*\n",
            ".git/config": f"[x]\n\tkey = {key}\n",
            ".hidden/a.txt": f"{key}\n",
            "looks.min.js": f'const k = "{key}";\n',
            "marked.js": f'// @generated DO NOT EDIT\nconst k = "{key}"; eval(k);\n',
        },
    )
    assert places(scan_repository(root).output["findings"]) == [
        ("aws-access-key-id", ".hidden/a.txt", 1),
        ("aws-access-key-id", "looks.min.js", 1),
        ("aws-access-key-id", "marked.js", 2),
        ("js-eval", "marked.js", 2),
    ]


def test_vendored_directories_are_left_out_and_said_so(tmp_path: Path) -> None:
    root = plant(tmp_path, {"node_modules/a/index.js": "eval(x)\n", "jquery-3.5.1/j.js": "eval(x)"})
    output = scan_repository(root).output
    assert output["findings"] == []
    assert reasons(output) == {"node_modules": "vendored", "jquery-3.5.1": "vendored"}


def test_more_files_than_the_limit(tmp_path: Path) -> None:
    root = plant(tmp_path, {f"d{number % 10}/f{number}.txt": "x\n" for number in range(500)})
    tree = walk(root, Limits(files=100))
    assert len(tree.files) == 100
    assert tree.skips.incomplete
    assert tree.skips.counts[SkipReason.LIMIT] == 1


def test_a_very_deep_tree(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 50, dir_fd=descriptor)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    tree = walk(tmp_path)
    assert tree.skips.counts[SkipReason.LIMIT] == 1


def test_names_that_are_no_text(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a -rf --config=x.py": "eval(x)\n", "-o.py": "eval(x)\n"})
    (root / os.fsdecode(b"bad\xff.py")).write_text("eval(x)\n")
    output = scan_repository(root).output
    assert places(output["findings"]) == [("S307", "-o.py", 1), ("S307", "a -rf --config=x.py", 1)]
    assert output["incomplete"] is True


def test_skipped_files_in_the_output_are_bounded_and_counted(tmp_path: Path) -> None:
    root = plant(tmp_path, {f"{number}.png": b"\0" for number in range(40)})
    output = scan_repository(root, limits=Limits(skipped=10)).output
    assert (len(output["filesSkipped"]), output["filesSkippedCount"]) == (10, 40)


def test_findings_in_the_output_are_bounded_and_counted(tmp_path: Path) -> None:
    root = plant(
        tmp_path, {f"{number}.txt": github_token(str(number)) + "\n" for number in range(30)}
    )
    output = scan_repository(root, limits=Limits(findings=10)).output
    assert (len(output["findings"]), output["findingsTotal"]) == (10, 30)


def test_findings_in_memory_are_bounded_and_the_rest_is_named(tmp_path: Path) -> None:
    root = plant(tmp_path, {f"{n}.txt": github_token(str(n)) + "\n" for n in range(30)})
    output = scan_repository(root, limits=Limits(findings_kept=20)).output
    assert output["findingsTotal"] == 20
    assert list(reasons(output).values()) == ["limit_reached"] * 10


def test_patterns_take_linear_time(tmp_path: Path) -> None:
    """What makes a backtracking engine run for years ends here within the file's time."""
    text = 'password = "' + "a" * 100_000 + "\n" + "://" + ":" * 200_000 + "\n"
    text += "eyJ" + "A" * 200_000 + "." * 50 + "\n" + "token" * 50_000 + "=\n"
    output = scan_repository(plant(tmp_path, {"bomb.txt": text, "bomb.yml": text})).output
    assert reasons(output) == {}


def test_deep_nesting_costs_its_own_file_only(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "deep.js": "eval(" + "[" * 15_000 + "]" * 4_000 + ")\n",
            "deep.py": "x = " + "(" * 5_000 + "\n",
            "good.js": "eval(x)\n",
        },
    )
    findings = scan_repository(root).output["findings"]
    assert ("js-eval", "good.js", 1) in places(findings)


def test_a_worker_that_hangs_or_dies_loses_its_file_only() -> None:
    def work(item: str) -> str:
        if item == "hang":
            # A loop in C that no Python signal handler could interrupt.
            sum(range(10**12))
        if item == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item == "raise":
            raise ValueError(item)
        if item == "exit":
            sys.exit(3)
        return item.upper()

    items = ["a", "hang", "b", "die", "raise", "exit", "c"]
    results = dict(each(items, work, seconds_per_item=0.5, seconds=60))
    assert {item: results[item] for item in "abc"} == {"a": "A", "b": "B", "c": "C"}
    failed = {item: result.reason for item, result in results.items() if isinstance(result, Failed)}
    assert failed == {
        "hang": SkipReason.TIMEOUT,
        "die": SkipReason.CRASHED,
        "raise": SkipReason.CRASHED,
        "exit": SkipReason.CRASHED,
    }


def test_what_the_whole_time_does_not_suffice_for_is_reported() -> None:
    results = dict(each(range(50), lambda _: time.sleep(30), seconds_per_item=60, seconds=0.2))
    assert {type(result) for result in results.values()} == {Failed}
    assert len(results) == 50
