"""The plain attributes of a service: commands, environment, health, limits, restarts, labels."""

import pytest

from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.health import (
    CommandProbe,
    HealthCheck,
    ImageProbe,
    NoProbe,
    ShellProbe,
)
from commandcenter.stacks.model import (
    Build,
    Dependency,
    DependencyCondition,
    PullPolicy,
    RestartMode,
    RestartPolicy,
)
from commandcenter.stacks.resources import (
    ExtraHost,
    FileGrant,
    GrantKind,
    ServiceLimits,
    Ulimit,
)
from tests.unit.stacks.compose.reading_parts import read, refused, refused_service, service


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", None),
        ("[a, b c]", ("a", "b c")),
        ("[]", ()),
        ('""', ()),
        ("sh -c \"echo 'hi there'\"", ("sh", "-c", "echo 'hi there'")),
        ("run $$HOME a\\ b", ("run", "$HOME", "a b")),
    ],
)
def test_a_command(written: str, expected: tuple[str, ...] | None) -> None:
    found = service(f"command: {written}\nentrypoint: {written}")
    assert (found.command, found.entrypoint) == (expected, expected)


def test_a_command_with_an_open_quote_is_refused() -> None:
    assert "cannot be split" in refused_service("command: 'a \"b'")[0].message


def test_environment_values_are_text_as_in_compose() -> None:
    found = service(
        "environment: {I: 0440, F: 1.10, E: 1e6, N: 1.5e-7, B: true, Y: yes, Q: '0440', L: 123456.7}"
    )
    assert found.environment == {
        "I": "288",
        "F": "1.1",
        "E": "1e+06",
        "N": "1.5e-07",
        "B": "true",
        "Y": "yes",
        "Q": "0440",
        "L": "123456.7",
    }


def test_environment_goes_over_env_files_and_names_alone_are_looked_up() -> None:
    found = service(
        "env_file:\n  - one.env\n  - {path: two.env}\n  - {path: none.env, required: false}\n"
        "  - {path: raw.env, format: raw}\n"
        "environment:\n  - K3=own\n  - GIVEN\n  - K5\n",
        environment={"GIVEN": "outside"},
        files={
            "one.env": "K1=1\nK2=1\nK3=1\nK5=5\n",
            "two.env": "K2=2\nK4=${K1}-${GIVEN}\n",
            "raw.env": 'R="$K1"\n',
        },
    )
    assert found.environment == {
        "K1": "1",
        "K2": "2",
        "K3": "own",
        "K4": "1-outside",
        "R": '"$K1"',
        "GIVEN": "outside",
    }


def test_an_env_file_that_is_not_there_or_not_one_is_refused() -> None:
    problems = refused_service("env_file: [none.env, /etc/environment]")
    assert [problem.refusal for problem in problems] == [Refusal.INVALID, Refusal.UNSAFE]
    broken = refused(
        "services: {web: {image: x, env_file: [a.env]}}\n", files={"a.env": "A=1\n=2\n"}
    )
    assert str(broken[0].place) == "a.env:2"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{test: a b}", HealthCheck(ShellProbe("a b"))),
        ("{test: [CMD, a, b]}", HealthCheck(CommandProbe(("a", "b")))),
        ("{test: [CMD-SHELL, a b]}", HealthCheck(ShellProbe("a b"))),
        ("{test: [NONE]}", HealthCheck(NoProbe())),
        ("{disable: true}", HealthCheck(NoProbe())),
        (
            "{interval: 1m30s, timeout: 500ms, retries: 5, start_period: 1h, start_interval: 2s}",
            HealthCheck(ImageProbe(), 90.0, 0.5, 5, 3600.0, 2.0),
        ),
        ("{test: a, interval: 0s, retries: 0}", HealthCheck(ShellProbe("a"))),
    ],
)
def test_a_health_check(written: str, expected: HealthCheck) -> None:
    assert service(f"healthcheck: {written}").health == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{test: [curl, x]}", 'begins with "CMD"'),
        ("{test: [CMD]}", 'begins with "CMD"'),
        ("{interval: soon}", "not a duration"),
        ("{interval: 10}", "must be a string, not a number"),
        ("{retries: -1}", "retries must be"),
        ("{tset: a}", "no such attribute"),
    ],
)
def test_what_is_no_health_check_is_refused(written: str, message: str) -> None:
    problem = refused_service(f"healthcheck: {written}")[0]
    assert problem.refusal is Refusal.INVALID
    assert message in problem.message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("restart: always", RestartPolicy(RestartMode.ALWAYS)),
        ("restart: unless-stopped", RestartPolicy(RestartMode.UNLESS_STOPPED)),
        ("restart: on-failure", RestartPolicy(RestartMode.ON_FAILURE)),
        ("restart: on-failure:3", RestartPolicy(RestartMode.ON_FAILURE, 3)),
        ('restart: "no"', RestartPolicy()),
        ("restart: no", RestartPolicy()),
        ("user: root", RestartPolicy()),
        (
            "deploy: {restart_policy: {condition: on-failure, max_attempts: 2, delay: 5s}}",
            RestartPolicy(RestartMode.ON_FAILURE, 2),
        ),
        ("deploy: {restart_policy: {condition: none}}", RestartPolicy()),
        ("deploy: {restart_policy: {condition: any}}", RestartPolicy(RestartMode.ALWAYS)),
    ],
)
def test_a_restart_policy(written: str, expected: RestartPolicy) -> None:
    assert service(written).restart == expected


def test_what_is_no_restart_policy_is_refused() -> None:
    assert "is not one of" in refused_service("restart: sometimes")[0].message
    assert "whole number" in refused_service("restart: on-failure:x")[0].message
    assert "is not one of" in refused_service("deploy: {restart_policy: {condition: x}}")[0].message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            'deploy: {resources: {limits: {cpus: "0.50", memory: 50M, pids: 20}}}',
            ServiceLimits(0.5, 50 * 1024**2, 20),
        ),
        ("cpus: 1.5\nmem_limit: 1gb\npids_limit: 30", ServiceLimits(1.5, 1024**3, 30)),
        ("cpu_quota: 50000", ServiceLimits(0.5)),
        ("cpu_quota: 50000\ncpu_period: 25000", ServiceLimits(2.0)),
        ("mem_limit: 300000000\nmemswap_limit: 300000000", ServiceLimits(None, 300000000)),
        ("shm_size: 64m", ServiceLimits(shm_bytes=64 * 1024**2)),
        ("mem_limit: 50m\ndeploy: {resources: {limits: {memory: 50M}}}",
         ServiceLimits(None, 50 * 1024**2)),
        ("cpus: 0\nmem_limit: 0", ServiceLimits()),
    ],
)  # fmt: skip
def test_limits(written: str, expected: ServiceLimits) -> None:
    assert service(written).limits == expected


@pytest.mark.parametrize(
    ("written", "refusal", "message"),
    [
        ("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 50M}}}", "invalid", "another limit"),
        ("mem_limit: lots", "invalid", "not a size"),
        ("mem_limit: 1k", "invalid", "at least 6m"),
        ("cpus: many", "invalid", "not a number"),
        ("cpus: -1", "invalid", "not a possible number"),
        ("pids_limit: -1", "invalid", "always limited"),
        ("memswap_limit: 1g", "unsupported", "do not swap"),
        ("cpu_shares: 5", "unsupported", "use cpus"),
        ("cpu_period: 5000", "unsupported", "use cpus"),
        ("deploy: {replicas: 2}", "unsupported", "runs once"),
        ("scale: 2", "unsupported", "runs once"),
        ("deploy: {mode: global}", "unsupported", "runs once"),
        ("deploy: {update_config: {parallelism: 1}}", "unsupported", "clusters"),
        ("deploy: {placement: {constraints: [x]}}", "unsupported", "clusters"),
    ],
)
def test_limits_that_cannot_be_set_are_refused(written: str, refusal: str, message: str) -> None:
    problem = refused_service(written)[0]
    assert problem.refusal == refusal
    assert message in f"{problem.message} {problem.hint}"


def test_ulimits() -> None:
    found = service("ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5, memlock: -1}")
    assert found.ulimits == (
        Ulimit("nofile", 10, 20),
        Ulimit("nproc", 5, 5),
        Ulimit("memlock", -1, -1),
    )
    assert "above the hard" in refused_service("ulimits: {nofile: {soft: 3, hard: 2}}")[0].message
    assert "not a limit" in refused_service("ulimits: {wrong: 2}")[0].message


def test_dependencies() -> None:
    others = "  db: {image: y}\n  job: {image: z}\n  cache: {image: c}\n"
    found = service(
        "depends_on:\n  db: {condition: service_healthy, restart: true}\n"
        "  job: {condition: service_completed_successfully, required: false}\n"
        "links: [cache]",
        others,
    )
    assert set(found.depends_on) == {
        Dependency("db", DependencyCondition.HEALTHY, restart=True),
        Dependency("job", DependencyCondition.COMPLETED, required=False),
        Dependency("cache", restart=True),
    }
    assert service("depends_on: [db]", others).depends_on == (Dependency("db"),)


def test_dependencies_that_cannot_be_met_are_refused() -> None:
    assert 'no service "db"' in refused_service("depends_on: [db]")[0].message
    cycle = refused(
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"
    )
    assert "a -> b -> a" in cycle[0].message
    assert cycle[0].place.line == 2


def test_a_link_gives_its_service_another_name() -> None:
    stack = read('services: {web: {image: x, links: ["db:database"]}, db: {image: y}}\n').stack
    db = stack.service("db")
    assert db is not None
    assert db.networks[0].aliases == ("database",)


def test_secrets_and_configs() -> None:
    found = service(
        "secrets:\n  - one\n  - {source: two, target: t2, uid: '5', mode: 0440}\n  - three\n"
        "configs:\n  - conf\n  - {source: conf, target: /etc/c}\n",
        "secrets:\n  one: {file: ./one.txt}\n  two: {file: sub/two.txt}\n"
        "  three: {environment: TOKEN}\nconfigs:\n  conf: {content: 'v=$$1'}\n",
        environment={"TOKEN": "abc"},
    )
    secret, config = GrantKind.SECRET, GrantKind.CONFIG
    assert found.files == (
        FileGrant(secret, "one", "/run/secrets/one", "one.txt"),
        FileGrant(secret, "two", "/run/secrets/t2", "sub/two.txt", uid="5", mode=0o440),
        FileGrant(secret, "three", "/run/secrets/three", content="abc"),
        FileGrant(config, "conf", "/conf", content="v=$1"),
        FileGrant(config, "conf", "/etc/c", content="v=$1"),
    )
    assert "abc" not in repr(found)


def test_secrets_that_cannot_be_had_are_refused() -> None:
    assert "not declared" in refused_service("secrets: [one]")[0].message
    unset = refused_service("secrets: [one]", "secrets: {one: {environment: NOPE}}\n")
    assert "NOPE is not set" in unset[0].message
    both = refused_service("secrets: [one]", "secrets: {one: {environment: A, file: b}}\n")
    assert "exactly one" in both[0].message


def test_build() -> None:
    found = service(
        "build:\n  context: ./app\n  dockerfile: docker/File\n  target: dev\n"
        "  args: [A=1, GIVEN, NOPE]\n  no_cache: true",
        environment={"GIVEN": "g"},
    )
    assert found.build == Build(
        "app", "app/docker/File", None, "dev", {"A": "1", "GIVEN": "g"}, no_cache=True
    )
    assert service("build: .").build == Build(".", "Dockerfile")
    inline = service("build: {dockerfile_inline: FROM x}").build
    assert inline is not None
    assert inline.dockerfile_inline == "FROM x"


def test_the_rest() -> None:
    found = service(
        "user: '1000:1000'\nworking_dir: /w\nread_only: true\ninit: 'yes'\ntty: true\n"
        "stdin_open: 'true'\nstop_signal: int\nstop_grace_period: 1m\nhostname: web.local\n"
        "platform: linux/arm64/v8\npull_policy: if_not_present\nlabels: [a.b=c, d]\n"
        "extra_hosts: ['a:1.2.3.4', 'b=::1']\ncap_add: [CAP_KILL]\ncap_drop: [all]\n"
        "security_opt: ['no-new-privileges:true']\nnetwork_mode: none"
    )
    assert (found.user, found.working_directory, found.hostname) == ("1000:1000", "/w", "web.local")
    assert (found.read_only, found.init, found.tty, found.stdin_open) == (True, True, True, True)
    assert (found.stop_signal, found.stop_grace_seconds) == ("SIGINT", 60.0)
    assert (found.platform, found.pull_policy) == ("linux/arm64/v8", PullPolicy.MISSING)
    assert found.labels == {"a.b": "c", "d": ""}
    assert found.extra_hosts == (ExtraHost("a", "1.2.3.4"), ExtraHost("b", "::1"))
    assert (found.cap_add, found.cap_drop, found.no_new_privileges) == (("KILL",), ("ALL",), True)
    assert found.networks == ()
    assert service("stop_signal: '9'").stop_signal == "SIGKILL"
    assert service("user: a\nextra_hosts: {h: [1.1.1.1, 2.2.2.2]}").extra_hosts == (
        ExtraHost("h", "1.1.1.1"),
        ExtraHost("h", "2.2.2.2"),
    )


@pytest.mark.parametrize(
    "written",
    ["user: 'a b'", "stop_signal: SIGNOPE", "hostname: 'a b'", "read_only: perhaps",
     "stop_grace_period: 5 minutes", "extra_hosts: ['a:nowhere']", "working_dir: here"],
)  # fmt: skip
def test_values_of_no_meaning_are_refused(written: str) -> None:
    assert refused_service(written)[0].refusal is Refusal.INVALID


def test_a_service_needs_something_to_run() -> None:
    assert "neither image nor build" in refused("services: {web: {user: a}}\n")[0].message
