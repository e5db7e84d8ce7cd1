import pytest

from commandcenter.stacks.compose.interpolation import (
    MAX_VALUE_CHARACTERS,
    InterpolationError,
    Interpolator,
)
from tests.unit.stacks.compose.reading_parts import refused, service

VALUES = {"SET": "value", "EMPTY": "", "OTHER": "other", "lower_1": "low"}


def substitute(text: str) -> str:
    return Interpolator(VALUES.get).substitute(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a${SET}b$OTHER-c", "avaluebother-c"),
        ("${lower_1}", "low"),
        ("$UNSET", ""),
        ("${UNSET}", ""),
        # default
        ("${SET:-default}", "value"),
        ("${EMPTY:-default}", "default"),
        ("${UNSET:-default}", "default"),
        ("${SET-default}", "value"),
        ("${EMPTY-default}", ""),
        ("${UNSET-default}", "default"),
        ("${UNSET:-}", ""),
        # required
        ("${SET:?err}", "value"),
        ("${SET?err}", "value"),
        ("${EMPTY?err}", ""),
        # replacement
        ("${SET:+there}", "there"),
        ("${EMPTY:+there}", ""),
        ("${UNSET:+there}", ""),
        ("${SET+there}", "there"),
        ("${EMPTY+there}", "there"),
        ("${UNSET+there}", ""),
        # nested
        ("${UNSET:-${OTHER}}", "other"),
        ("${UNSET:-$OTHER}", "other"),
        ("${UNSET:-${EMPTY:-default}}", "default"),
        ("${SET:-${NOT:?never looked at}}", "value"),
        ("${UNSET:-a${OTHER}b}c", "aotherbc"),
        ('${UNSET:-{"a": {}}}', '{"a": {}}'),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-a?b+c}", "a?b+c"),
        # a dollar sign
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("$$$SET", "$value"),
        ("${UNSET-$$x}", "$x"),
        ("costs 5$", "costs 5$"),
        ("$1 $ $-", "$1 $ $-"),
        ("", ""),
    ],
)
def test_a_variable_is_replaced(text: str, expected: str) -> None:
    assert substitute(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET:?say it}", "the variable UNSET must be set: say it"),
        ("${EMPTY:?say it}", "the variable EMPTY must be set: say it"),
        ("${UNSET?say it}", "the variable UNSET must be set: say it"),
        ("${UNSET?}", "the variable UNSET must be set"),
        ("${UNSET?$OTHER}", "the variable UNSET must be set: other"),
        ("${SET", "no closing brace"),
        ("${SET/a/b}", "is not a variable"),
        ("${}", "is not a variable"),
        ("${1}", "is not a variable"),
        ("${-x}", "is not a variable"),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(InterpolationError, match=message.replace("$", r"\$")):
        substitute(text)


def test_unset_variables_are_remembered() -> None:
    interpolator = Interpolator(VALUES.get)
    interpolator.substitute("$A ${B} ${C:-d} $SET")
    assert interpolator.unset == ["A", "B"]


def test_a_value_cannot_grow_without_bound() -> None:
    huge = "x" * MAX_VALUE_CHARACTERS
    with pytest.raises(InterpolationError, match="characters"):
        Interpolator({"A": huge}.get).substitute("$A$A")


def test_nesting_is_bounded() -> None:
    with pytest.raises(InterpolationError, match="nested"):
        substitute("${U:-" * 100 + "}" * 100)


def test_values_are_interpolated_and_keys_are_not() -> None:
    found = service(
        'labels:\n  "$SET": "$SET"\nenvironment:\n  - "$SET=1"', environment={"SET": "v"}
    )
    assert found.labels == {"$SET": "v"}
    assert found.environment == {"v": "1"}


def test_every_missing_variable_is_told_with_its_line() -> None:
    problems = refused(
        "services:\n  web:\n    image: ${IMAGE:?which image}\n    user: ${USER_ID:?which user}\n"
    )
    assert [(problem.place.line, problem.path) for problem in problems] == [
        (3, "services.web.image"),
        (4, "services.web.user"),
    ]
    assert "which image" in problems[0].message


def test_the_environment_of_the_process_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED_SECRET", "hunter2")
    found = service(
        'environment: {A: "$LEAKED_SECRET", B: "${LEAKED_SECRET:-none}", LEAKED_SECRET: }'
    )
    assert found.environment == {"A": "", "B": "none"}


def test_what_is_allowed_by_name_wins_over_the_env_file() -> None:
    found = service(
        'environment: {A: "$A", B: "$B", P: "$COMPOSE_PROJECT_NAME"}',
        environment={"A": "given"},
        files={".env": "A=file\nB=file\nCOMPOSE_PROJECT_NAME=other\n"},
    )
    assert found.environment == {"A": "given", "B": "file", "P": "shop"}
