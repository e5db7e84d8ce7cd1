import pytest

from commandcenter.stacks.compose.reading import read_yaml
from commandcenter.stacks.compose.source import SourceError, plain


def tree(text: str) -> object:
    root = read_yaml(text, "compose.yaml")
    return None if root is None else plain(root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", {"a": 1}),
        ("a: 0440", {"a": 0o440}),
        ("a: 0o17", {"a": 0o17}),
        ("a: 0x10", {"a": 16}),
        ("a: 1_000", {"a": 1000}),
        ("a: 1.10", {"a": 1.1}),
        ("a: yes", {"a": "yes"}),
        ("a: no", {"a": "no"}),
        ("a: True", {"a": True}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 2001-01-01", {"a": "2001-01-01"}),
        ("a: 22:22", {"a": "22:22"}),
        ("a: !!str 12", {"a": "12"}),
        ("8080: a\ntrue: b", {"8080": "a", "true": "b"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
        ("b: {q: 3, <<: [{q: 1, r: 1}, {r: 2, s: 2}]}", {"b": {"q": 3, "r": 1, "s": 2}}),
        ("'<<': 1", {"<<": 1}),
        ("'': 1\nb: {? '' : 2}", {"": 1, "b": {"": 2}}),
        ("", None),
    ],
)
def test_yaml_is_read_as_compose_reads_it(text: str, expected: object) -> None:
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2", 2, "there twice"),
        ("a: *x", 1, "names no anchor"),
        ("a: &x [*x]", 1, "may not contain itself"),
        ("a: !!python/object:os.system x", 1, "is not one of Compose"),
        ("a: !include x", 1, "is not one of Compose"),
        ("a: {<<: 1}", 1, "takes mappings"),
        ("a: 1\n---\nb: 2", 2, "more than one document"),
        ("a:\n\t- b", 2, "not valid YAML"),
        ("? [a]\n: b", 1, "a key must be a string"),
        ("a: " + "[" * 100, 1, "levels deep"),
        ("a: 1e999", 1, "too large"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_yaml(text, "compose.yaml")
    assert caught.value.place.line == line
    assert caught.value.place.file == "compose.yaml"


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(SourceError, match="aliases expanded"):
        read_yaml("\n".join(lines), "compose.yaml")


def test_merge_keys_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: [x, x, x, x]" for n in range(100)) + "}"]
    lines += [f"m{n}: {{<<: *a0, own{n}: 1}}" for n in range(100)]
    with pytest.raises(SourceError, match="aliases expanded"):
        read_yaml("\n".join(lines), "compose.yaml")


def test_a_merged_key_keeps_its_own_place() -> None:
    root = read_yaml("x: &x\n  p: 1\nb:\n  <<: *x\n", "compose.yaml")
    assert root is not None
    assert root.value["b"].keys["p"].line == 2
