import pytest

from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.resources import BindMount, VolumeMount
from tests.unit.stacks.compose.reading_parts import read, refused


def test_a_service_extends_another_of_its_file() -> None:
    stack = read(
        "services:\n"
        "  base: {image: x, environment: {A: 1, B: 2}, ports: ['80:80'], command: [a],"
        " volumes: ['./x:/x']}\n"
        "  web:\n    extends: base\n    environment: [B=3]\n    ports: ['81:81']\n"
        "    command: [b]\n    volumes: ['./y:/x']\n"
    ).stack
    web = stack.service("web")
    assert web is not None
    assert web.image == "x"
    assert web.environment == {"A": "1", "B": "3"}
    assert [port.container for port in web.ports] == [80, 81]
    assert web.command == ("b",)
    assert web.mounts == (BindMount("y", "/x", create=True),)


def test_a_service_extends_one_of_another_file_and_its_paths_move_along() -> None:
    stack = read(
        "services:\n  web:\n    extends: {file: sub/base.yaml, service: base}\n    image: x\n"
        "volumes: {v: }\n",
        files={
            "sub/base.yaml": (
                "services:\n  base:\n    extends: root\n    build: {context: .}\n"
                "    env_file: e.env\n    volumes: ['./x:/x', '../y:/y', 'v:/v']\n"
                "  root: {environment: {R: 1}}\n"
            ),
            "sub/e.env": "E=1\n",
        },
    )
    web = stack.stack.service("web")
    assert web is not None
    assert web.build is not None
    assert (web.build.context, web.build.dockerfile) == ("sub", "sub/Dockerfile")
    assert web.environment == {"E": "1", "R": "1"}
    assert web.mounts == (
        BindMount("sub/x", "/x", create=True),
        BindMount("y", "/y", create=True),
        VolumeMount("/v", "v"),
    )
    assert set(stack.files) == {"compose.yaml", "sub/base.yaml", "sub/e.env"}


@pytest.mark.parametrize(
    ("extends", "refusal", "message"),
    [
        ("nope", Refusal.INVALID, "there is no service nope"),
        ("web", Refusal.INVALID, "extend each other: web -> web"),
        ("{service: a, file: nope.yaml}", Refusal.INVALID, "there is no file nope.yaml"),
        ("{service: a, file: ../up.yaml}", Refusal.UNSAFE, "leads out"),
        ("{service: a, file: /etc/passwd}", Refusal.UNSAFE, "outside the project"),
        ("{service: a, file: ~/x.yaml}", Refusal.UNSAFE, "outside the project"),
        ("{service: a, file: 'https://e.org/x.yaml'}", Refusal.UNSAFE, "fetched from elsewhere"),
    ],
)
def test_a_base_that_cannot_be_had_is_refused(extends: str, refusal: Refusal, message: str) -> None:
    problems = refused(f"services:\n  web:\n    image: x\n    extends: {extends}\n")
    assert problems[0].refusal is refusal
    assert message in problems[0].message
    assert str(problems[0].place) == "compose.yaml:4"


def test_services_that_extend_each_other_are_refused() -> None:
    problems = refused("services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: a}\n")
    assert [
        problem.message.removeprefix("the services extend each other: ") for problem in problems
    ] == ["b -> a -> b", "a -> b -> a"]


def test_an_included_file_has_its_own_folder_and_env_file() -> None:
    found = read(
        "include: [sub/compose.yaml]\nservices: {web: {image: x, depends_on: [db]}}\n",
        environment={"WINS": "outside"},
        files={
            "sub/compose.yaml": (
                "services:\n  db:\n    image: 'db:${TAG}'\n    user: ${WINS}\n"
                "    volumes: [./d:/d, v:/v]\nvolumes: {v: }\n"
            ),
            "sub/.env": "TAG=1\nWINS=file\n",
        },
    )
    db = found.stack.service("db")
    assert db is not None
    assert (db.image, db.user) == ("db:1", "outside")
    assert db.mounts == (BindMount("sub/d", "/d", create=True), VolumeMount("/v", "v"))
    assert [volume.name for volume in found.stack.volumes] == ["v"]


def test_the_long_form_of_include() -> None:
    found = read(
        "include:\n  - path: [sub/a.yaml, sub/b.yaml]\n    project_directory: .\n"
        "    env_file: [one.env, two.env]\nservices: {web: {image: x}}\n",
        files={
            "sub/a.yaml": "services: {db: {image: 'db:${TAG}', volumes: ['./d:/d']}}\n",
            "sub/b.yaml": "services: {db: {user: '${U}'}}\n",
            "one.env": "TAG=1\nU=1\n",
            "two.env": "TAG=2\n",
        },
    )
    db = found.stack.service("db")
    assert db is not None
    assert (db.image, db.user) == ("db:2", "1")
    assert db.mounts == (BindMount("d", "/d", create=True),)


def test_one_file_included_twice_sees_the_variables_of_each() -> None:
    base = "services: {base: {image: '${IMAGE}'}}\n"
    include = "services: {%s: {extends: {file: ../base.yaml, service: base}}}\n"
    found = read(
        "include: [{path: a/c.yaml, env_file: a.env}, {path: b/c.yaml, env_file: b.env}]\n",
        files={
            "base.yaml": base,
            "a/c.yaml": include % "a",
            "b/c.yaml": include % "b",
            "a.env": "IMAGE=one\n",
            "b.env": "IMAGE=two\n",
        },
    )
    assert {service.name: service.image for service in found.stack.services} == {
        "a": "one",
        "b": "two",
    }


def test_the_own_file_goes_over_what_it_includes() -> None:
    found = read(
        "include: [sub/c.yaml]\nservices: {db: {image: mine}}\n",
        files={"sub/c.yaml": "services: {db: {image: theirs, user: '1'}}\n"},
    )
    db = found.stack.service("db")
    assert db is not None
    assert (db.image, db.user) == ("mine", "1")


@pytest.mark.parametrize(
    ("entry", "refusal", "message"),
    [
        ("nope.yaml", Refusal.INVALID, "there is no file nope.yaml"),
        ("compose.yaml", Refusal.INVALID, "include each other"),
        ("../x.yaml", Refusal.UNSAFE, "leads out"),
        ("oci://e.org/x", Refusal.UNSAFE, "fetched from elsewhere"),
        ("git@e.org:x.git", Refusal.UNSAFE, "fetched from elsewhere"),
        ("https://e.org/x.git", Refusal.UNSAFE, "fetched from elsewhere"),
        ("{path: a.yaml, project_directory: ..}", Refusal.UNSAFE, "leads out"),
        ("{path: a.yaml, env_file: ../.env}", Refusal.UNSAFE, "leads out"),
    ],
)
def test_an_include_that_cannot_be_had_is_refused(
    entry: str, refusal: Refusal, message: str
) -> None:
    problems = refused(
        f"services: {{web: {{image: x}}}}\ninclude:\n  - {entry}\n",
        files={"a.yaml": "services: {db: {image: y}}\n"},
    )
    assert (problems[0].refusal, problems[0].place.line) == (refusal, 3)
    assert message in problems[0].message


def test_files_that_include_each_other_are_refused() -> None:
    problems = refused(
        "include: [a.yaml]\nservices: {web: {image: x}}\n",
        files={"a.yaml": "include: [compose.yaml]\nservices: {db: {image: y}}\n"},
    )
    assert "compose.yaml -> a.yaml -> compose.yaml" in problems[0].message


def test_many_files_are_stopped() -> None:
    names = [f"f{number}.yaml" for number in range(100)]
    problems = refused(
        f"include: [{', '.join(names)}]\nservices: {{web: {{image: x}}}}\n",
        files=dict.fromkeys(names, "x-a: 1\n"),
    )
    assert "more than 64 files" in problems[0].message
