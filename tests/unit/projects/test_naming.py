import re

import pytest

from commandcenter.projects.naming import NAME_PATTERN, name_from_folder, unique_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My App", "my-app"),
        ("api_v2.1", "api-v2-1"),
        ("--x--", "x"),
        ("Ünïcode", "n-code"),
        ("日本", "project"),
        ("a" * 80, "a" * 63),
    ],
)
def test_names_from_folders_are_valid(folder: str, name: str) -> None:
    assert name_from_folder(folder) == name
    assert re.fullmatch(NAME_PATTERN, name)


def test_unique_names_stay_within_the_limit() -> None:
    taken = {"a" * 63, "a" * 61 + "-2"}
    name = unique_name("a" * 63, taken.__contains__)
    assert name == "a" * 61 + "-3"
    assert re.fullmatch(NAME_PATTERN, name)
