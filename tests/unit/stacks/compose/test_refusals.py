"""What a hostile repository may ask for: refused by name, with the line and the reason."""

import pytest

from commandcenter.stacks.compose.problems import MAX_PROBLEMS, ComposeRefusedError, Refusal
from commandcenter.stacks.compose.safety import READ, RULES
from commandcenter.stacks.compose.validation import service_attributes
from tests.unit.stacks.compose.reading_parts import read, refused, refused_service

UNSAFE = [
    ("privileged: true", "services.web.privileged"),
    ('privileged: "yes"', "services.web.privileged"),
    ("network_mode: host", "services.web.network_mode"),
    ("network_mode: 'container:other'", "services.web.network_mode"),
    ("pid: host", "services.web.pid"),
    ("ipc: host", "services.web.ipc"),
    ("uts: host", "services.web.uts"),
    ("userns_mode: host", "services.web.userns_mode"),
    ("cgroup: host", "services.web.cgroup"),
    ("cgroup_parent: /", "services.web.cgroup_parent"),
    ("runtime: runc", "services.web.runtime"),
    ("devices: ['/dev/sda:/dev/sda']", "services.web.devices"),
    ("device_cgroup_rules: ['a *:* rwm']", "services.web.device_cgroup_rules"),
    ("gpus: all", "services.web.gpus"),
    (
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}",
        "services.web.deploy.resources.reservations.devices",
    ),
    ("cap_add: [SYS_ADMIN]", "services.web.cap_add[0]"),
    ("cap_add: [KILL, ALL]", "services.web.cap_add[1]"),
    ("cap_add: [cap_net_raw]", "services.web.cap_add[0]"),
    ("security_opt: ['seccomp:unconfined']", "services.web.security_opt[0]"),
    ("security_opt: [apparmor=unconfined]", "services.web.security_opt[0]"),
    ("security_opt: ['label:disable']", "services.web.security_opt[0]"),
    ("security_opt: ['no-new-privileges:false']", "services.web.security_opt[0]"),
    ("sysctls: {net.ipv4.ip_forward: 1}", "services.web.sysctls"),
    ("oom_kill_disable: true", "services.web.oom_kill_disable"),
    ("oom_score_adj: -1000", "services.web.oom_score_adj"),
    ("cpu_rt_runtime: 95ms", "services.web.cpu_rt_runtime"),
    ("external_links: [other]", "services.web.external_links"),
    ("volumes_from: ['container:other']", "services.web.volumes_from[0]"),
    ("provider: {type: awscli}", "services.web.provider"),
    ("use_api_socket: true", "services.web.use_api_socket"),
    ("pre_start: [{command: x, privileged: true}]", "services.web.pre_start[0]"),
    ("extra_hosts: ['h:host-gateway']", "services.web.extra_hosts"),
    ("labels: {commandcenter.project: other}", "services.web.labels"),
    ("labels: ['com.docker.compose.project=other']", "services.web.labels"),
    ("tmpfs: ['/x:suid']", "services.web.tmpfs[0]"),
    # paths of the host
    ("volumes: ['/:/host']", "services.web.volumes[0]"),
    ("volumes: ['/etc:/etc:ro']", "services.web.volumes[0]"),
    ("volumes: ['~/.ssh:/k']", "services.web.volumes[0]"),
    ("volumes: ['../other:/o']", "services.web.volumes[0]"),
    ("volumes: ['./a/../../b:/o']", "services.web.volumes[0]"),
    ("volumes: ['/var/run/docker.sock:/var/run/docker.sock']", "services.web.volumes[0]"),
    ("volumes: [{type: bind, source: /run/podman/podman.sock, target: /s}]",
     "services.web.volumes[0]"),
    ("volumes: [{type: npipe, source: /run/docker.sock, target: /s}]", "services.web.volumes[0]"),
    ("volumes: ['./a:/a:rshared']", "services.web.volumes[0]"),
    ("volumes: [{type: bind, source: ./a, target: /a, bind: {propagation: shared}}]",
     "services.web.volumes[0].bind.propagation"),
    ("volumes: ['./a:/proc']", "services.web.volumes[0]"),
    ("volumes: ['./a:/sys/fs/cgroup']", "services.web.volumes[0]"),
    ("volumes: ['./a:/']", "services.web.volumes[0]"),
    ("env_file: ../.env", "services.web.env_file"),
    ("env_file: [/etc/environment]", "services.web.env_file[0]"),
    ("label_file: ../labels", "services.web.label_file"),
    # builds
    ("build: ..", "services.web.build"),
    ("build: /srv", "services.web.build"),
    ("build: https://e.org/x.git", "services.web.build"),
    ("build: git@e.org:x.git", "services.web.build"),
    ("build: github.com/a/b", "services.web.build"),
    ("build: {context: ./x, dockerfile: ../../D}", "services.web.build.dockerfile"),
    ("build: {context: ., dockerfile: /etc/passwd}", "services.web.build.dockerfile"),
    ("build: {context: ., network: host}", "services.web.build.network"),
    ("build: {context: ., privileged: true}", "services.web.build.privileged"),
    ("build: {context: ., entitlements: [security.insecure]}", "services.web.build.entitlements"),
    ("build: {context: ., ssh: [default]}", "services.web.build.ssh"),
]  # fmt: skip

UNSUPPORTED = [
    "pid: 'service:web'",
    "ipc: shareable",
    "network_mode: 'service:web'",
    "dns: 1.1.1.1",
    "domainname: e.org",
    "mac_address: 02:42:ac:11:65:43",
    "group_add: [docker]",
    "cpuset: 0-1",
    "blkio_config: {weight: 300}",
    "storage_opt: {size: 1G}",
    "credential_spec: {file: a}",
    "isolation: hyperv",
    "annotations: {a: b}",
    "oom_score_adj: 100",
    "mem_swappiness: 60",
    "post_start: [{command: x}]",
    "logging: {driver: syslog}",
    "platform: wasi/wasm",
    "pull_policy: daily",
    "security_opt: ['seccomp:profile.json']",
    "volumes_from: [web]",
    "models: [m]",
    "env_file: [{path: a, format: xml}]",
    "build: {context: ., additional_contexts: {a: ./b}}",
    "build: {context: ., cache_from: [x]}",
]

HARMLESS = [
    "privileged: false",
    "ipc: private",
    "cgroup: private",
    "oom_kill_disable: false",
    "devices: []",
    "use_api_socket: false",
    "scale: 1",
    "deploy: {replicas: 1, mode: replicated}",
    "network_mode: bridge",
]

NOTED = [
    "logging: {driver: json-file, options: {max-size: 10m}}",
    "develop: {watch: [{path: ., action: sync, target: /w}]}",
    "attach: false",
    "mem_reservation: 10m",
    "deploy: {resources: {reservations: {memory: 10M}}}",
    "build: {context: ., tags: [a]}",
    "volumes: ['./a:/a:Z']",
    "environment: {A: $UNSET}",
]


@pytest.mark.parametrize(("written", "path"), UNSAFE)
def test_what_reaches_beyond_the_project_is_unsafe(written: str, path: str) -> None:
    problems = refused_service(written)
    unsafe = [problem for problem in problems if problem.refusal is Refusal.UNSAFE]
    assert [problem.path for problem in unsafe] == [path]
    assert unsafe[0].place.line == 4
    assert unsafe[0].message


@pytest.mark.parametrize("source", ["/var/run/docker.sock", "./docker.sock", "./x/podman.sock/"])
def test_the_socket_of_a_container_engine_is_named_as_such(source: str) -> None:
    problem = refused_service(f"volumes: ['{source}:/s']")[0]
    assert problem.refusal is Refusal.UNSAFE
    assert "socket of a container engine" in problem.message


@pytest.mark.parametrize("written", UNSUPPORTED)
def test_what_nothing_here_does_is_told(written: str) -> None:
    problems = refused_service(written)
    assert Refusal.UNSUPPORTED in {problem.refusal for problem in problems}
    assert Refusal.UNSAFE not in {problem.refusal for problem in problems}
    assert problems[0].place.line == 4


@pytest.mark.parametrize("written", HARMLESS)
def test_harmless_values_pass(written: str) -> None:
    assert read(f"services:\n  web:\n    image: x\n    {written}\n").notes == ()


@pytest.mark.parametrize("written", NOTED)
def test_what_is_done_in_another_way_is_noted_with_its_line(written: str) -> None:
    notes = read(f"services:\n  web:\n    image: x\n    {written}\n").notes
    assert {note.place.line for note in notes} == {4}


def test_every_attribute_of_the_specification_is_read_or_has_a_rule() -> None:
    assert set(RULES) | READ == service_attributes()
    assert not set(RULES) & READ


def test_all_problems_are_told_in_the_order_of_the_text() -> None:
    problems = refused_service(
        "privileged: true\nvolumes:\n  - /etc:/e\n  - ./ok:/o\nimagee: y\ndns: 1.1.1.1\nuser: 5",
        "networks: {n: {external: true}}\n",
    )
    assert [(problem.place.line, problem.refusal.value) for problem in problems] == [
        (4, "unsafe"),
        (8, "invalid"),
        (9, "unsupported"),
        (10, "invalid"),
        (11, "unsafe"),
    ]
    # Of a service that is not well formed attributes are looked at, not what is in them.
    problems = refused_service("privileged: true\nvolumes:\n  - /etc:/e\ndns: 1.1.1.1")
    assert [(problem.place.line, problem.refusal.value) for problem in problems] == [
        (4, "unsafe"),
        (6, "unsafe"),
        (7, "unsupported"),
    ]


def test_the_error_names_file_line_kind_and_reason() -> None:
    with pytest.raises(ComposeRefusedError) as caught:
        read("services:\n  web:\n    image: x\n    privileged: true\n")
    assert caught.value.status == 422
    assert "compose.yaml:4: refused as unsafe: services.web.privileged" in caught.value.detail
    assert caught.value.fields["problems"][0]["kind"] == "unsafe"


def test_problems_are_bounded() -> None:
    ports = "".join(f"      - 'x{number}'\n" for number in range(500))
    problems = refused(f"services:\n  web:\n    image: x\n    ports:\n{ports}")
    assert len(problems) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("services:\n  web:\n    imagee: x\n", 3, "no such attribute"),
        ("services:\n  'a b': {image: x}\n", 2, "is not a name"),
        ("services: {'..': {image: x}}\n", 1, "a name has at most"),
        ('services: {"a\\n": {image: x}}\n', 1, "a name has at most"),
        ("services: {a: {image: x}}\nvolumes: {'..': {}}\n", 2, "a name has at most"),
        ('services: {a: {image: x, command: "a\\0b"}}\n', 1, "a NUL character"),
        ("services: {a: {image: x, cap_add: [1]}}\n", 1, "must be a string, not a number"),
        ("services: {a: {image: x, links: [[1]]}}\n", 1, "must be a string, not a list"),
        ("services: {a: {image: x, environment: {A: [1]}}}\n", 1, "not a list"),
        ("services: {a: {image: x, environment: {'': 1}}}\n", 1, "name"),
        ("services: {a: {image: x, networks: {'a b': }}}\n", 1, "is not a name"),
        ("services: {a: {image: x, security_opt: [a, a], command: {}}}\n", 1, "a list"),
        ("services: {a: {image: x, deploy: {resources: {limits: []}}}}\n", 1, "a mapping"),
        ("include: {path: 5}\nservices: {a: {image: x}}\n", 1, "5"),
        ("service: {}\n", 1, "no such attribute"),
        ("services: []\n", 1, "must be a mapping"),
        ("services:\n  web:\n", 2, "must be a mapping, not nothing"),
        ("services: {web: {image: 5}}\n", 1, "must be a string, not a number"),
        ("services: {web: {image: x, ports: 80}}\n", 1, "must be a list"),
        ("services: {web: {image: x, depends_on: {db: {}}}}\n", 1, "condition is missing"),
        (
            "services: {web: {image: x, depends_on: {db: {condition: ready}}}}\n",
            1,
            "must be one of service_started",
        ),
        ("- a\n", 1, "is a mapping with services"),
        ("name: x\n", 1, "there are no services"),
        ("", 1, "is a mapping with services"),
    ],
)
def test_what_the_schema_does_not_allow_is_told_at_its_line(
    text: str, line: int, message: str
) -> None:
    problem = refused(text)[0]
    assert (problem.refusal, problem.place.line) == (Refusal.INVALID, line)
    assert message in problem.message


@pytest.mark.parametrize(
    "written",
    [
        'extra_hosts: {"a\\n1.2.3.4 b": 1.2.3.4}',
        'networks: {n: {aliases: ["a b"]}}',
        'networks: {n: {aliases: ["a\\nb"]}}',
        "container_name: 'web one'",
        'hostname: "a\\n"',
    ],
)
def test_a_name_cannot_smuggle_a_line_into_a_hosts_file(written: str) -> None:
    problem = refused_service(written, "networks: {n: }\n")[0]
    assert "is not a host name" in problem.message


def test_a_misspelt_attribute_gets_a_guess() -> None:
    assert refused_service("enviroment: {}")[0].hint == 'did you mean "environment"?'


def test_extensions_are_passed_over() -> None:
    text = (
        "x-a: {anything: [1]}\nservices: {web: {image: x, x-b: 1, build: {context: ., x-c: 2}}}\n"
    )
    assert read(text).stack.service_names == ("web",)


def test_another_choice_of_files_is_refused() -> None:
    problems = refused("services: {web: {image: x}}\n", files={".env": "COMPOSE_FILE=other.yaml\n"})
    assert problems[0].refusal is Refusal.UNSUPPORTED


@pytest.mark.parametrize(
    "attribute", ["mem_limit: ${SECRET}", "stop_grace_period: ${SECRET}", "ports: ['${SECRET}']"]
)
def test_what_a_variable_stands_for_is_not_told(attribute: str) -> None:
    secret = "leak-me-" + "x" * 100
    text = f"services:\n  web:\n    image: x\n    {attribute}\n"
    (problem,) = refused(text, environment={"SECRET": secret})
    assert "leak" not in problem.message
    assert '"${SECRET}"' in problem.message
