"""From a service of the model to an attempt in an image."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commandcenter.runtimes.capabilities import Capabilities, Feature
from commandcenter.runtimes.images import Image, ImageFacts, ImageHealth
from commandcenter.runtimes.spec import (
    GrantedFile,
    PublishedPort,
    ServiceSpec,
    Ulimit,
    Volume,
    WorkspaceAccess,
)
from commandcenter.stacks.errors import ServiceNotPreparedError, ServiceUnsupportedError
from commandcenter.stacks.health import (
    HealthCheck,
    HttpProbe,
    ImageProbe,
    NoProbe,
)
from commandcenter.stacks.model import Build, Service
from commandcenter.stacks.ports import Key
from commandcenter.stacks.prepared import (
    Check,
    CommandCheck,
    HttpCheck,
    PostgresCheck,
    Prepared,
    RedisCheck,
    TcpCheck,
)
from commandcenter.stacks.preparing.common import own_volume_name
from commandcenter.stacks.preparing.default_apps import completed
from commandcenter.stacks.preparing.place import Place
from commandcenter.stacks.preparing.with_images import check, prepare
from commandcenter.stacks.resources import (
    BindMount,
    ExtraHost,
    FileGrant,
    GrantKind,
    NetworkAttachment,
    Port,
    Protocol,
    TmpfsMount,
    VolumeMount,
)
from commandcenter.stacks.resources import Ulimit as AskedUlimit

ENGINE = Capabilities(
    name="engine",
    available=True,
    isolation="full",
    limits=frozenset({"cpu", "memory", "pids", "disk"}),
    watched_limits=frozenset(),
    network_off=True,
    network_allow_list=False,
    services=True,
    live_workspace=True,
    warm_pool=False,
    features=frozenset(Feature),
)
WEB = Service(
    "web",
    image="example.org/web:1",
    ports=(Port(8000),),
    networks=(NetworkAttachment("default", ("site",)),),
)
FACTS = ImageFacts("sha256:0123456789abcdef", 0, 0, entrypoint=("/entry",), command=("serve",))


def prepared(
    folder: Path,
    service: Service = WEB,
    facts: ImageFacts = FACTS,
    ports: Mapping[Key, int] | None = None,
    can: Capabilities = ENGINE,
) -> Prepared:
    place = Place("prj_1", folder, Path("/data"), ports or {}, redact=("own-secret",))
    check(service, place, can)
    return prepare(service, 3, place, can, facts)


def changed(**fields: Any) -> Service:
    return replace(WEB, **fields)


def service_of(made: Prepared) -> ServiceSpec:
    assert made.spec.service is not None
    return made.spec.service


def test_what_is_defined_comes_over(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "site.conf").write_text("listen 8000;")
    service = changed(
        ports=(Port(8000), Port(53, protocol=Protocol.UDP)),
        mounts=(
            BindMount(".", "/workspace", read_only=True),
            BindMount("static", "/static", read_only=True),
            VolumeMount("/var/cache/web", "cache", copy_image_content=False),
            VolumeMount("/var/own"),
            TmpfsMount("/scratch", 1024**2),
        ),
        files=(
            FileGrant(GrantKind.SECRET, "key", "/run/secrets/key", content="very-secret"),
            FileGrant(GrantKind.SECRET, "pem", "/etc/web/pem", content="private-key", mode=0o440),
            FileGrant(GrantKind.CONFIG, "site", "/etc/web/site.conf", source="site.conf"),
        ),
        extra_hosts=(ExtraHost("printer", "10.1.2.3"),),
        ulimits=(AskedUlimit("nofile", 1024, 2048),),
        cap_add=("NET_BIND_SERVICE",),
        init=True,
        tty=True,
        stop_signal="SIGUSR1",
        working_directory="/srv",
    )
    keys: dict[Key, int] = {("web", 8000, Protocol.TCP): 20007, ("web", 53, Protocol.UDP): 20008}
    made = prepared(tmp_path, service, ports=keys)
    spec, found = made.spec, service_of(made)
    assert spec.attempt_id == "prj_1.web.3"
    assert spec.image == Image("sha256:0123456789abcdef", entrypoint=())
    assert spec.workspace is not None
    assert spec.workspace.access is WorkspaceAccess.READ
    assert found.names == ("web", "site")
    assert found.ports == (
        PublishedPort(20007, 8000),
        PublishedPort(20008, 53, protocol="udp"),
    )
    volumes = Path("/data/volumes/prj_1")
    assert found.volumes == (
        Volume(tmp_path / "static", "/static", writable=False),
        Volume(volumes / "cache", "/var/cache/web", copy_image_content=False),
        Volume(volumes / own_volume_name(service, "/var/own"), "/var/own"),
    )
    assert found.tmpfs == {"/scratch": 1024**2}
    assert spec.secret_files == {"key": "very-secret"}
    assert found.files == (
        GrantedFile("/etc/web/pem", b"private-key", 0o440),
        GrantedFile("/etc/web/site.conf", b"listen 8000;", 0o444),
    )
    assert spec.redact == ("own-secret", "private-key")
    assert found.hosts == (("printer", "10.1.2.3"),)
    assert found.ulimits == (Ulimit("nofile", 1024, 2048),)
    assert found.capabilities == ("NET_BIND_SERVICE",)
    assert (found.init, found.tty, found.stop_signal) == (True, True, 10)
    assert found.directory == "/srv"


@pytest.mark.parametrize(
    ("fields", "argv"),
    [
        ({}, ("/entry", "serve")),
        ({"command": ("other", "-v")}, ("/entry", "other", "-v")),
        ({"command": ()}, ("/entry",)),
        ({"entrypoint": ("/own",)}, ("/own",)),
        ({"entrypoint": ("/own",), "command": ("a",)}, ("/own", "a")),
        ({"entrypoint": (), "command": ("a",)}, ("a",)),
    ],
)
def test_what_is_run_is_what_compose_would(
    tmp_path: Path, fields: dict[str, Any], argv: tuple[str, ...]
) -> None:
    assert prepared(tmp_path, changed(**fields)).spec.command == argv


def test_an_image_that_runs_nothing_needs_a_command(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnsupportedError, match="nothing to run"):
        prepared(tmp_path, changed(entrypoint=()))


USERS = {"postgres": (70, 71), "web": (500, 501), "toor": (0, 0)}


@pytest.mark.parametrize(
    ("service", "facts", "user"),
    [
        (WEB, FACTS, (1000, 1000)),
        (WEB, replace(FACTS, uid=33, gid=34), (33, 34)),
        (changed(user="5"), replace(FACTS, uid=33, gid=34), (5, 5)),
        (changed(user="500"), replace(FACTS, users=USERS), (500, 501)),
        (changed(user="web"), replace(FACTS, users=USERS), (500, 501)),
        (changed(user="web:7"), replace(FACTS, users=USERS), (500, 7)),
        (changed(user="web:staff"), replace(FACTS, users=USERS, groups={"staff": 50}), (500, 50)),
        (changed(image="postgres:16"), FACTS, (999, 999)),
        (changed(image="postgres:16-alpine"), replace(FACTS, users=USERS), (70, 71)),
        (changed(image="somebody/postgres:16"), replace(FACTS, users=USERS), (1000, 1000)),
    ],
)
def test_as_whom_it_runs(
    tmp_path: Path, service: Service, facts: ImageFacts, user: tuple[int, int]
) -> None:
    found = service_of(prepared(tmp_path, service, facts))
    assert (found.uid, found.gid) == user


@pytest.mark.parametrize("user", ["root", "0", "0:0", "00", "toor", "nobody-knows"])
def test_root_and_strangers_are_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(ServiceUnsupportedError, match=user.partition(":")[0]):
        prepared(tmp_path, changed(user=user), replace(FACTS, users=USERS))


BUILT_IN = ImageHealth(("curl", "-f", "localhost"), is_shell=False, interval_seconds=7.0)


@pytest.mark.parametrize(
    ("service", "facts", "found"),
    [
        (changed(health=HealthCheck(HttpProbe(8000, "/up"))), FACTS, HttpCheck(8000, "/up")),
        (
            changed(health=HealthCheck(HttpProbe(8000, "/up"))),
            replace(FACTS, health=BUILT_IN),
            HttpCheck(8000, "/up"),
        ),
        (WEB, replace(FACTS, health=BUILT_IN), CommandCheck(("curl", "-f", "localhost"))),
        (
            WEB,
            replace(FACTS, health=ImageHealth(("test -e /up",), is_shell=True)),
            CommandCheck(("/bin/sh", "-c", "test -e /up")),
        ),
        (WEB, replace(FACTS, health=ImageHealth((), is_shell=False)), None),
        (changed(health=HealthCheck(NoProbe())), replace(FACTS, health=BUILT_IN), None),
        (changed(health=HealthCheck(ImageProbe())), FACTS, TcpCheck(8000)),
        (WEB, replace(FACTS, tcp_ports=(80,)), TcpCheck(8000)),
        (changed(ports=()), replace(FACTS, tcp_ports=(80, 81)), TcpCheck(80)),
        (changed(ports=()), FACTS, None),
        (changed(image="postgres:16"), FACTS, PostgresCheck(5432, "postgres", "postgres")),
        (
            changed(image="redis:7", command=("redis-server", "--requirepass", "hidden")),
            FACTS,
            RedisCheck(6379, "hidden"),
        ),
    ],
)
def test_how_its_health_is_asked(
    tmp_path: Path, service: Service, facts: ImageFacts, found: Check | None
) -> None:
    assert prepared(tmp_path, service, facts).check == found


def test_times_of_a_check_are_those_of_whoever_gives_them(tmp_path: Path) -> None:
    facts = replace(FACTS, health=BUILT_IN)
    assert prepared(tmp_path, WEB, facts).times.interval == 7.0
    own = changed(health=HealthCheck(ImageProbe(), interval_seconds=2.0))
    made = prepared(tmp_path, own, facts)
    assert made.times.interval == 2.0
    assert made.check == CommandCheck(("curl", "-f", "localhost"))


def test_what_the_image_keeps_has_a_volume_unless_the_definition_gives_one(tmp_path: Path) -> None:
    service = changed(mounts=(VolumeMount("/data", "named"),))
    facts = replace(FACTS, volumes=("/data", "/var/lib/other/"))
    volumes = service_of(prepared(tmp_path, service, facts)).volumes
    assert [each.target for each in volumes] == ["/data", "/var/lib/other/"]
    assert volumes[1].source.name == own_volume_name(service, "/var/lib/other/")


@pytest.mark.parametrize(
    ("service", "without", "is_read_only"),
    [
        (WEB, frozenset(), False),
        (changed(read_only=True), frozenset(), True),
        (changed(image="redis:7"), frozenset(), True),
        (WEB, frozenset({Feature.WRITABLE_ROOT}), True),
    ],
)
def test_the_root_is_read_only_where_that_is_known_to_work(
    tmp_path: Path, *, service: Service, without: frozenset[Feature], is_read_only: bool
) -> None:
    can = replace(ENGINE, features=frozenset(Feature) - without)
    assert service_of(prepared(tmp_path, service, can=can)).read_only_root is is_read_only


@pytest.mark.parametrize(
    ("signals", "number"), [((None, None), 15), ((None, "SIGQUIT"), 3), (("INT", "SIGQUIT"), 2)]
)
def test_the_stop_signal_is_the_definitions_else_the_images(
    tmp_path: Path, signals: tuple[str | None, str | None], number: int
) -> None:
    service, facts = changed(stop_signal=signals[0]), replace(FACTS, stop_signal=signals[1])
    assert service_of(prepared(tmp_path, service, facts)).stop_signal == number


def test_a_writable_home_for_whom_the_image_does_not_expect(tmp_path: Path) -> None:
    assert prepared(tmp_path).spec.environment == {"HOME": "/tmp"}
    assert prepared(tmp_path, WEB, replace(FACTS, uid=33, gid=33)).spec.environment == {}
    assert prepared(tmp_path, changed(image="postgres:16")).spec.environment == {}


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"build": Build(".")}, Feature.BUILDS),
        ({"extra_hosts": (ExtraHost("a", "10.0.0.1"),)}, Feature.EXTRA_HOSTS),
        ({"ulimits": (AskedUlimit("nofile", 1, 2),)}, Feature.ULIMITS),
        ({"cap_add": ("KILL",)}, Feature.CAPABILITIES),
        ({"ports": (Port(53, protocol=Protocol.UDP),)}, Feature.UDP_PORTS),
        (
            {"files": (FileGrant(GrantKind.CONFIG, "a", "/etc/a", content="b"),)},
            Feature.FILES,
        ),
    ],
)
def test_what_an_engine_cannot_is_refused_by_name(
    tmp_path: Path, fields: dict[str, Any], feature: Feature
) -> None:
    can = replace(ENGINE, features=frozenset(Feature) - {feature})
    with pytest.raises(ServiceUnsupportedError, match="web cannot run on the runtime") as caught:
        prepared(tmp_path, changed(**fields), can=can)
    assert caught.value.needs == {feature}


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (BindMount("missing", "/x"), "missing mounted, which is no file"),
        (BindMount("out", "/x"), "leads out"),
    ],
)
def test_a_part_of_the_folder_is_looked_at_again(
    tmp_path: Path, mount: BindMount, words: str
) -> None:
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(ServiceUnsupportedError, match=words):
        prepared(tmp_path, changed(mounts=(mount,)))


def test_a_secret_that_is_gone_is_told_before(tmp_path: Path) -> None:
    grant = FileGrant(GrantKind.SECRET, "key", "/run/secrets/key", source="key.txt")
    with pytest.raises(ServiceUnsupportedError, match=r"secret key of web .* key\.txt"):
        prepared(tmp_path, changed(files=(grant,)))


def environment(folder: Path, version: str, *packages: str) -> None:
    place = folder / ".venv" / "lib" / f"python{version}" / "site-packages"
    for package in packages or ("uvicorn",):
        (place / package).mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}.4\n")


BACKEND = Service(
    "backend",
    image="python:3.13-slim",
    command=("python", "-m", "uvicorn", "main:app"),
    working_directory="/workspace/backend",
    user="1000:1000",
    mounts=(BindMount(".", "/workspace"),),
)


def default(folder: Path) -> Place:
    return Place("prj_1", folder, Path("/data"), {}, is_default=True)


def test_the_default_backend_finds_the_projects_packages(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    environment(tmp_path / "backend", "3.12")
    service = completed(BACKEND, default(tmp_path))
    assert service.image == "python:3.12-slim"
    found = "/workspace/backend/.venv/lib/python3.12/site-packages"
    assert service.environment["PYTHONPATH"] == found
    assert service.command == BACKEND.command
    assert completed(BACKEND, Place("prj_1", tmp_path, Path("/data"), {})) == BACKEND


def test_nothing_is_installed_for_the_default_backend(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi\nuvicorn\n")
    with pytest.raises(ServiceNotPreparedError, match="fastapi, uvicorn") as caught:
        completed(BACKEND, default(tmp_path))
    assert f"{tmp_path}/.venv/bin/pip install -r" in (caught.value.hint or "")
    environment(tmp_path, "3.13", "fastapi")
    with pytest.raises(ServiceNotPreparedError, match=r"uvicorn, which is not .* \.venv"):
        completed(BACKEND, default(tmp_path))
