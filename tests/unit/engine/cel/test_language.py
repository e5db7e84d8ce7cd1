"""The language's own rules, beyond what conditions of workflows usually need."""

from typing import Any

import pytest

from commandcenter.engine.cel.errors import CelError
from commandcenter.engine.cel.evaluate import evaluate
from commandcenter.engine.cel.parser import parse


def value_of(text: str, **variables: Any) -> Any:
    return evaluate(parse(text), variables, text, steps=10_000)


@pytest.mark.parametrize(
    "text",
    [
        # conversions
        "int(3u) == 3 && int(-1.9) == -1 && int('-12') == -12 && int(timestamp(5)) == 5",
        "uint(2.9) == 2u && uint('7') == 7u && uint(5u) == 5u",
        "double(1u) == 1.0 && double('1e3') == 1000.0 && double('-Infinity') < 0.0",
        "string(true) == 'true' && string(-5) == '-5' && string(5u) == '5' && string('x') == 'x'",
        "string(1.5) == '1.5' && string(2.0) == '2' && string(b'abc') == 'abc'",
        "string(timestamp('2026-01-31T12:00:00.5+01:00')) == '2026-01-31T11:00:00.5Z'",
        "string(timestamp('0001-01-01T00:00:00Z')) == '0001-01-01T00:00:00Z'",
        "string(duration('1h1.5s')) == '3601.5s' && string(duration('-90s')) == '-90s'",
        "bytes('a\u00e9') == b'a\u00e9' && bytes(b'x') == b'x' && size(b'\u00e9') == 2",
        "bool('1') && bool('True') && !bool('f') && bool(true)",
        "timestamp(timestamp(1)) == timestamp(1) && duration(duration('1s')) == duration('1s')",
        "dyn([1]) == [1] && type([]) == list && type({}) == map && type(type(1)) == type",
        "type(b'') == bytes && type(1u) == uint && type('') == string && type(true) == bool",
        # arithmetic
        "5u - 2u == 3u && 2u * 3u == 6u && 7u / 2u == 3u && 7u % 2u == 1u",
        "1.5 - 0.5 == 1.0 && 2.0 * 1.5 == 3.0 && 1.0 / 0.0 > 0.0 && -1.0 / 0.0 < 0.0",
        "0.0 / 0.0 != 0.0 / 0.0",
        "-(1.5) == -1.5 && --1 == 1 && !!true && -5 % 3 == -2 && 5 % -3 == 2",
        "-9223372036854775808 < 0 && 0x10 == 16 && 1e2 == 100.0 && .5 == 0.5",
        "'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && [1] + [2] == [1, 2]",
        # comparison
        "'a' < 'b' && b'a' < b'b' && false < true && 1 < 2u && 1u < 1.5 && 2 >= 2.0 && 1 > 0.5",
        "timestamp(1) < timestamp(2) && duration('1s') <= duration('1000ms')",
        "{'a': [1, 2]} == {'a': [1.0, 2u]} && {'a': 1} != {'b': 1} && {'a': 1} != {}",
        "[1] != [1, 2] && 'a' != b'a' && null == null && [] == []",
        "1.0 in [1] && 'a' in {'a': 1} && 1.0 in {1: 2} && !(true in {1: 2}) && !('x' in [])",
        "{1: 'a'}[1.0] == 'a' && [1, 2][1.0] == 2 && {'a': {'b': 1}}['a'].b == 1",
        # times
        "timestamp(10) - timestamp(4) == duration('6s')",
        "timestamp(10) - duration('4s') == timestamp(6)",
        "duration('4s') + timestamp(6) == timestamp(10)",
        "duration('1h') - duration('30m') == duration('.5h') && duration('0') == duration('-0s')",
        "duration('1us') < duration('1ms') && duration('3h').getMinutes() == 180",
        "duration('-1h').getHours() == -1 && duration('90s').getSeconds() == 90",
        "duration('1234ms').getMilliseconds() == 234",
        "timestamp('2026-02-01T13:14:15.678Z').getFullYear() == 2026",
        "timestamp('2026-02-01T13:14:15.678Z').getMonth() == 1",
        "timestamp('2026-02-01T13:14:15.678Z').getDate() == 1",
        "timestamp('2026-02-01T13:14:15.678Z').getDayOfMonth() == 0",
        "timestamp('2026-02-01T13:14:15.678Z').getDayOfWeek() == 0",
        "timestamp('2026-02-01T13:14:15.678Z').getDayOfYear() == 31",
        "timestamp('2026-02-01T13:14:15.678Z').getMinutes() == 14",
        "timestamp('2026-02-01T13:14:15.678Z').getSeconds() == 15",
        "timestamp('2026-02-01T13:14:15.678Z').getMilliseconds() == 678",
        "timestamp('2026-02-01T13:14:15Z').getHours('-02:30') == 10",
        "timestamp('2026-02-01T13:14:15Z').getHours('+02:00') == 15",
        "timestamp('2026-02-01T13:14:15Z').getHours('America/New_York') == 8",
        # literals
        "'\\x41\\u0042\\U00000043\\104' == 'ABCD'",
        "'\\a\\b\\f\\v\\t\\r\\n\\\\\\?\\'\\`'.size() == 11",
        "b'\\x41\\102\\n' == b'AB\\n' && rb'\\x' == b'\\\\x' && R'\\n'.size() == 2",
        "'''it's \"quoted\"\n''' == 'it\\'s \"quoted\"\\n' && r\"\"\"a\\\"\"\" == 'a\\\\'",
        # absorbed errors
        "[1, 'a'].exists(x, x > 0) && ![0, 'a'].all(x, x > 0)",
        "false && nothing.x || true",
        # macros over maps
        "{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.map(k, k) == ['a']",
        "[1, 2, 3].exists_one(x, x > 2) && ![1, 2, 3].exists_one(x, x > 1)",
        "[[1, 2], [3]].map(l, l.map(x, x + 1)) == [[2, 3], [4]]",
        "[1, 2].map(x, [3].map(x, x)[0] + x) == [4, 5]",
    ],
)
def test_true(text: str) -> None:
    assert value_of(text) is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("int('1.5')", "cannot be turned into an int"),
        ("int(true)", "cannot be turned into an int"),
        ("int(1e30)", "cannot be turned into an int"),
        ("int([])", "list cannot be turned into an int"),
        ("uint(-1)", "cannot be turned into a uint"),
        ("uint(-1.5)", "cannot be turned into a uint"),
        ("uint(true)", "cannot be turned into a uint"),
        ("double('x')", "cannot be turned into a double"),
        ("double('1_0')", "cannot be turned into a double"),
        ("double(true)", "cannot be turned into a double"),
        ("string([])", "cannot be turned into a string"),
        ("string(b'\\xff')", "not UTF-8"),
        ("bytes(5)", "cannot be turned into bytes"),
        ("bool('yes')", "cannot be turned into a bool"),
        ("timestamp(true)", "cannot be turned into a timestamp"),
        ("timestamp('2026-02-30T00:00:00Z')", "is not a timestamp"),
        ("timestamp(99999999999999)", "is not a timestamp"),
        ("timestamp('9999-12-31T23:59:59-10:00')", "is not a timestamp"),
        ("duration(5)", "cannot be turned into a duration"),
        ("duration('9999999999999h')", "too long a duration"),
        ("duration('200000h') * 2", "not defined"),
        ("timestamp(0) + timestamp(0)", "+ is not defined between"),
        ("timestamp(0) + 1", "+ is not defined between"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1h')", "years 1 to 9999"),
        ("timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", "too long"),
        ("timestamp(0).getHours(5)", "a time zone is a string"),
        ("duration('1s').getFullYear()", "not defined for a duration"),
        ("'x'.getHours()", "getHours is not defined for string"),
        ("0u - 1u", "not an unsigned integer"),
        ("-9223372036854775807 - 2", "more than 64 bits"),
        ("-(-9223372036854775808)", "more than 64 bits"),
        ("-'a'", "- is not defined for string"),
        ("-(1u)", "- is not defined for uint"),
        ("1 % 0", "remainder of a division by zero"),
        ("1.5 % 1.0", "% is not defined"),
        ("[1] - [1]", "- is not defined between list and list"),
        ("[] < []", "< is not defined between list and list"),
        ("{'a': 1, 'a': 2}", "twice"),
        ("{1.5: 1}", "must be a string or an int"),
        ("{'a': 1}[true]", "no such key"),
        ("[1][true]", "indexed by int, not bool"),
        ("[1][-1]", "the list has 1 items"),
        ("5[0]", "has no items"),
        ("has((5).a)", "has no fields"),
        ("'a'.contains(5)", "not defined between string and int"),
        ("'a'.size(1)", "there is no method size"),
        ("unknown", "unknown is not available"),
        ("1 && true", "&& needs bools, not int"),
        ("[1].filter(x, 'a')", "needs a condition that is a bool, not string"),
    ],
)
def test_no_value(text: str, words: str) -> None:
    with pytest.raises(CelError) as caught:
        value_of(text)
    assert words in str(caught.value)


def test_integers_too_large_for_the_language_are_doubles() -> None:
    assert value_of("type(x) == double && x > 0", x=2**64) is True
    assert value_of("x > 0 && -x < 0.0", x=10**400) is True
    assert value_of("x < 0", x=-(10**400)) is True


def test_tuples_are_lists() -> None:
    assert value_of("x == [1, 2] && x[0] == 1 && x.all(i, i > 0)", x=(1, 2)) is True
