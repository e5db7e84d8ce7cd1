from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.health import ShellProbe
from commandcenter.stacks.model import DependencyCondition, Service
from commandcenter.stacks.resources import BindMount
from tests.unit.stacks.compose.reading_parts import read, refused

BASE = """\
services:
  web:
    image: x
    ports: ["8080:80"]
    environment: {A: 1, B: 2}
    command: [one]
    volumes: ["./a:/w"]
    healthcheck: {test: [CMD, a], interval: 5s}
    depends_on: [db]
    labels: [l=1]
    expose: ["1"]
  db: {image: y}
"""


def merged(over: str, base: str = BASE) -> Service:
    found = read(base, over).stack.service("web")
    assert found is not None
    return found


def test_mappings_are_merged_and_lists_appended() -> None:
    web = merged(
        "services:\n  web:\n    ports: ['8443:443']\n    environment: [B=3, C=4]\n"
        "    labels: {l: 2}\n    expose: ['1', '2']\n    user: '5'\n"
    )
    assert [port.container for port in web.ports] == [80, 443]
    assert web.environment == {"A": "1", "B": "3", "C": "4"}
    assert web.labels == {"l": "2"}
    assert [port.container for port in web.expose] == [1, 2]
    assert (web.image, web.user) == ("x", "5")


def test_a_name_without_a_value_takes_the_place_of_one_with() -> None:
    web = merged("services:\n  web:\n    environment: [A]\n    labels: [l]\n")
    assert web.environment == {"B": "2"}
    assert web.labels == {"l": ""}


def test_commands_and_tests_are_replaced() -> None:
    web = merged("services:\n  web:\n    command: two three\n    healthcheck: {test: b}\n")
    assert web.command == ("two", "three")
    assert web.health is not None
    assert web.health.probe == ShellProbe("b")
    assert web.health.interval_seconds == 5


def test_what_is_there_once_is_replaced() -> None:
    web = merged("services:\n  web:\n    volumes: ['./b:/w']\n    ports: ['8080:80']\n")
    assert web.mounts == (BindMount("b", "/w", create=True),)
    assert len(web.ports) == 1
    web = merged(
        "services:\n  web:\n    volumes: ['./b:/w', './a:/w']\n",
    )
    assert web.mounts == (BindMount("a", "/w", create=True),)


def test_dependencies_are_merged_by_service() -> None:
    web = merged("services:\n  web:\n    depends_on: {db: {condition: service_healthy}}\n")
    assert [(each.service, each.condition) for each in web.depends_on] == [
        ("db", DependencyCondition.HEALTHY)
    ]


def test_reset_takes_away() -> None:
    web = merged(
        "services:\n  web:\n    ports: !reset []\n    environment:\n      A: !reset null\n"
        "    labels: !reset\n"
    )
    assert web.ports == ()
    assert web.environment == {"B": "2"}
    assert web.labels == {}


def test_reset_takes_a_whole_service_away() -> None:
    stack = read(BASE, "services:\n  web: !reset null\n").stack
    assert stack.service_names == ("db",)


def test_override_replaces() -> None:
    web = merged(
        "services:\n  web:\n    ports: !override ['8443:443']\n    environment: !override {Z: 1}\n"
    )
    assert [port.container for port in web.ports] == [443]
    assert web.environment == {"Z": "1"}


def test_nothing_changes_nothing_but_a_command() -> None:
    web = merged("services:\n  web:\n    environment:\n    command:\n")
    assert web.environment == {"A": "1", "B": "2"}
    assert web.command is None


def test_a_third_file_goes_over_the_second() -> None:
    over = "services:\n  web:\n    ports: !reset []\n"
    last = "services:\n  web:\n    ports: ['9000:90']\n"
    web = read(BASE, over, last).stack.service("web")
    assert web is not None
    assert [port.container for port in web.ports] == [90]


def test_kinds_that_do_not_fit_are_refused() -> None:
    problems = refused(BASE, "services:\n  web:\n    ports: {a: 1}\n")
    assert problems[0].refusal is Refusal.INVALID
    assert (problems[0].place.file, problems[0].place.line) == ("over0.yaml", 3)
    assert "compose.yaml:4" in (problems[0].hint or "")


def test_a_problem_is_told_at_the_file_it_came_from() -> None:
    problems = refused(BASE, "services:\n  web:\n    privileged: true\n")
    assert [str(problem.place) for problem in problems] == ["over0.yaml:3"]


def test_networks_are_merged_by_name() -> None:
    stack = read(
        "services: {web: {image: x, networks: [one]}}\nnetworks: {one: , two: }\n",
        "services: {web: {networks: {two: {aliases: [z]}}}}\n",
        "services: {web: {networks: {two: {aliases: [z, y]}}}}\n",
    ).stack
    web = stack.service("web")
    assert web is not None
    assert [(each.network, each.aliases) for each in web.networks] == [
        ("one", ()),
        ("two", ("z", "y")),
    ]


def test_builds_hosts_and_single_values_are_merged() -> None:
    stack = read(
        "services:\n  web:\n    image: x\n    build: ./app\n    tmpfs: /a\n"
        "    env_file: a.env\n    extra_hosts: ['h:1.1.1.1']\n    ulimits: {nofile: 5}\n"
        "    logging: {driver: json-file, options: {a: b}}\n    secrets: [s]\n"
        "secrets: {s: {file: ./s}}\n",
        "services:\n  web:\n    build: {target: t, args: [A=1]}\n    tmpfs: [/b]\n"
        "    env_file: [b.env]\n    extra_hosts: {h: 2.2.2.2, k: 3.3.3.3}\n"
        "    ulimits: {nofile: {soft: 1, hard: 2}}\n    logging: {driver: local}\n"
        "    secrets: [{source: s, target: s, mode: 0400}]\n",
        files={"a.env": "A=1\nB=1\n", "b.env": "B=2\n"},
    ).stack
    web = stack.service("web")
    assert web is not None
    assert web.build is not None
    assert (web.build.context, web.build.target, web.build.args) == ("app", "t", {"A": "1"})
    assert [mount.target for mount in web.mounts] == ["/a", "/b"]
    assert web.environment == {"A": "1", "B": "2"}
    assert [(host.name, host.address) for host in web.extra_hosts] == [
        ("h", "2.2.2.2"),
        ("k", "3.3.3.3"),
    ]
    assert [(limit.soft, limit.hard) for limit in web.ulimits] == [(1, 2)]
    assert [(grant.target, grant.mode) for grant in web.files] == [("/run/secrets/s", 0o400)]


def test_a_logging_driver_of_its_own_takes_the_place_of_the_other() -> None:
    base = "services: {web: {image: x, logging: {driver: syslog, options: {a: b}}}}\n"
    over = "services: {web: {logging: {driver: local}}}\n"
    assert read(base, over).notes[0].path == "services.web.logging"
    assert refused(base)[0].path == "services.web.logging"


def test_one_file_that_cannot_be_read_does_not_hide_the_problems_of_the_other() -> None:
    problems = refused(BASE.replace("image: x", "image: x\n    privileged: true"), "services: [\n")
    assert [str(problem.place) for problem in problems] == ["over0.yaml:2", "compose.yaml:4"]
