from commandcenter.stacks.compose.read import InactiveService
from tests.unit.stacks.compose.reading_parts import read, refused

TEXT = """\
services:
  foo: {image: foo}
  bar: {image: bar, profiles: [test]}
  baz: {image: baz, profiles: [test], depends_on: [bar]}
  zot: {image: zot, profiles: [debug], depends_on: [bar]}
"""


def test_services_of_inactive_profiles_are_left_out_and_named() -> None:
    found = read(TEXT)
    assert found.stack.service_names == ("foo",)
    assert found.inactive[0] == InactiveService("bar", ("test",))


def test_active_profiles_bring_their_services() -> None:
    assert read(TEXT, profiles=frozenset({"test"})).stack.service_names == ("foo", "bar", "baz")
    both = frozenset({"test", "debug"})
    assert read(TEXT, profiles=both).stack.service_names == ("foo", "bar", "baz", "zot")
    assert len(read(TEXT, profiles=frozenset({"*"})).stack.services) == 4


def test_profiles_come_from_the_env_file_unless_given() -> None:
    files = {".env": "COMPOSE_PROFILES=test,other\n"}
    assert read(TEXT, files=files).stack.service_names == ("foo", "bar", "baz")
    assert read(TEXT, files=files, profiles=frozenset()).stack.service_names == ("foo",)


def test_a_dependency_on_an_inactive_service_is_refused() -> None:
    problems = refused(TEXT, profiles=frozenset({"debug"}))
    assert '"bar" is not active' in problems[0].message
    assert problems[0].place.line == 5


def test_a_dependency_that_is_not_required_is_dropped_and_noted() -> None:
    found = read(
        "services:\n  a:\n    image: x\n    depends_on: {b: {condition: service_started,"
        " required: false}}\n  b: {image: y, profiles: [p]}\n"
    )
    assert found.stack.services[0].depends_on == ()
    assert "not waited for" in found.notes[0].message


def test_an_inactive_service_is_not_looked_into() -> None:
    text = "services: {a: {image: x}, b: {image: y, privileged: true, profiles: [p]}}\n"
    assert read(text).stack.service_names == ("a",)
    assert refused(text, profiles=frozenset({"p"}))[0].path == "services.b.privileged"


def test_the_name_of_the_project_is_its_own() -> None:
    found = read("name: other\nversion: '3'\nservices: {a: {image: x}}\n")
    assert found.stack.name == "shop"
    assert {note.path for note in found.notes} == {"name", "version"}


def test_reading_twice_gives_the_same() -> None:
    assert read(TEXT) == read(TEXT)
