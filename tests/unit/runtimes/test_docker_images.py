"""What a context leaves out, and who an image's user is."""

import pytest

from commandcenter.runtimes.docker.build_context import read_rules
from commandcenter.runtimes.docker.image_facts import resolve
from commandcenter.runtimes.errors import ImageUnavailableError

_PASSWD = "root:x:0:0::/:/bin/sh\napp:x:1234:50::/:/bin/sh\n"
_GROUP = "root:x:0:\nstaff:x:60:app\n"


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("*.log", ["a.log"], ["dir/a.log", "a.txt"]),
        ("**/*.log", ["a.log", "x/y/a.log"], ["a.txt"]),
        ("node_modules/\n", ["node_modules", "node_modules/a/b"], ["x/node_modules"]),
        ("/build", ["build", "build/x"], ["src/build"]),
        ("*\n!src\n", ["a", "b/c"], ["src", "src/x/y"]),
        ("docs\n!docs/keep.md", ["docs", "docs/a"], ["docs/keep.md"]),
        ("# a remark\n\na?[0-9].txt", ["ab3.txt"], ["abc.txt", "# a remark"]),
    ],
)
def test_dockerignore(rules: str, ignored: list[str], kept: list[str]) -> None:
    found = read_rules(rules)
    assert [name for name in ignored + kept if found.ignore(name)] == ignored


@pytest.mark.parametrize(
    ("user", "numbers"),
    [
        ("app", (1234, 50)),
        ("app:staff", (1234, 60)),
        ("1234", (1234, 50)),
        ("77", (77, 0)),
        ("77:staff", (77, 60)),
        ("root", (0, 0)),
    ],
)
def test_the_user_of_an_image(user: str, numbers: tuple[int, int]) -> None:
    assert resolve(user, _PASSWD, _GROUP) == numbers


@pytest.mark.parametrize("user", ["nobody", "app:nobody"])
def test_a_user_that_the_image_has_not(user: str) -> None:
    with pytest.raises(ImageUnavailableError, match="nobody"):
        resolve(user, _PASSWD, _GROUP)
