"""Images: had, looked at, run, built, and not to be had."""

from dataclasses import replace
from pathlib import Path

import pytest

from commandcenter.runtimes.docker.engine import Engine, find_socket
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.runtime import DockerRuntime
from commandcenter.runtimes.errors import ImageUnavailableError, ServiceConflictError
from commandcenter.runtimes.images import Image, ImageBuild, ImageWanted
from commandcenter.runtimes.results import FailureReason
from commandcenter.runtimes.spec import GrantedFile, Ulimit, Volume
from commandcenter.stacks.exits import of_result
from tests.conformance.runtimes.harness import job, service


async def lines(runtime: DockerRuntime, spec: object) -> list[str]:
    handle = await runtime.start(spec)  # type: ignore[arg-type]
    await runtime.wait(handle)
    return [line.text async for line in runtime.logs(handle)]


async def test_an_image_says_what_it_is(runtime: DockerRuntime, busybox: str) -> None:
    facts = await runtime.provide_image(ImageWanted(busybox), print)
    assert facts.reference.startswith("sha256:")
    assert (facts.uid, facts.gid) == (1234, 50)
    assert facts.entrypoint == ("/bin/busybox",)
    assert facts.command == ("echo", "of the image")
    assert facts.tcp_ports == (8080,)
    assert facts.volumes == ("/data",)
    assert facts.stop_signal is None
    assert facts.working_directory == "/data"
    assert facts.health is not None
    assert facts.health.command == ("test -e /data",)
    assert facts.health.is_shell
    assert (facts.health.interval_seconds, facts.health.retries) == (7.0, 4)
    assert facts.health.timeout_seconds is None


async def test_an_images_own_command_runs(runtime: DockerRuntime, busybox: str) -> None:
    facts = await runtime.provide_image(ImageWanted(busybox), print)
    image = Image(facts.reference)
    own = replace(service(details={"uid": 1234, "gid": 50}), command=(), image=image)
    assert await lines(runtime, own) == ["of the image"]
    other = replace(service(), command=("id", "-u"), image=image)
    assert await lines(runtime, other) == ["1000"]
    bare = replace(
        service(), command=("/bin/busybox", "echo", "bare"), image=replace(image, entrypoint=())
    )
    assert await lines(runtime, bare) == ["bare"]
    as_job = job(command=("echo", "a job"), image=image)
    assert await lines(runtime, as_job) == ["a job"]


async def test_a_program_that_an_image_has_not_is_told(
    runtime: DockerRuntime, busybox: str
) -> None:
    image = Image(busybox, entrypoint=())
    handle = await runtime.start(replace(service(), command=("nothing-here",), image=image))
    result = await runtime.wait(handle)
    assert (result.exit_code, result.reason) == (127, FailureReason.EXIT_CODE)
    assert "nothing-here" in result.message
    told = await of_result(result, handle, in_image=True)
    assert told.words.startswith("Its command nothing-here is not in the image.")
    await runtime.remove(handle)
    for program, words in (
        ("nothing-here", "is not in the image"),
        ("/etc", "may not be executed"),
    ):
        with_init = service(details={"init": True})
        handle = await runtime.start(replace(with_init, command=(program,), image=image))
        told = await of_result(await runtime.wait(handle), handle, in_image=True)
        assert told.words.startswith(f"Its command {program} {words}")
        assert not told.is_passing
        await runtime.remove(handle)


async def test_volumes_begin_with_what_the_image_has(
    runtime: DockerRuntime, busybox: str, data: Path
) -> None:
    for copy, expected in ((True, ["of the image"]), (False, ["nothing"])):
        volume = Volume(
            data / "volumes" / "shop" / f"copy-{copy}", "/data", copy_image_content=copy
        )
        spec = service("cat /data/from-image || echo nothing", details={"volumes": (volume,)})
        spec = replace(spec, image=Image(busybox, entrypoint=()))
        told = await lines(runtime, spec)
        assert [line for line in told if "No such" not in line and "can't" not in line] == expected


async def test_whose_a_volume_is_that_may_not_be_written_to_is_told(
    runtime: DockerRuntime, busybox: str, data: Path
) -> None:
    kept = Volume(data / "volumes" / "shop" / "kept", "/data", copy_image_content=True)
    details = {"volumes": (kept,), "uid": 1234, "gid": 50}
    spec = service("echo begun; echo more > /data/from-image", details=details)
    handle = await runtime.start(replace(spec, image=Image(busybox, entrypoint=())))
    assert (await runtime.wait(handle)).exit_code == 1
    told = [line.text async for line in runtime.logs(handle)]
    assert "ermission denied" in "".join(told[:-1])  # beside "begun": which comes first is open
    assert "volume at /data belongs to user 0:0, and the service runs as 1234:50." in told[-1]
    assert "-R 1234:50 /volume" in told[-1]
    await runtime.remove(handle)
    await runtime.remove_volumes("shop")


async def test_what_a_killed_process_left_keeps_no_volume(
    runtime: DockerRuntime, busybox: str, data: Path
) -> None:
    volume = Volume(data / "volumes" / "shop" / "kept", "/data")
    spec = service("echo there", details={"volumes": (volume,)})
    handle = await runtime.start(replace(spec, image=Image(busybox, entrypoint=())))
    await runtime.wait(handle)
    await runtime.remove(handle)
    places = Places.of(data)
    mount = {"Type": "volume", "Source": places.volume(volume.source)[1], "Target": "/volume"}
    left = {
        "Image": busybox,
        "Labels": places.labels(kind="helper", process="killed"),
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount]},
    }
    engine = Engine(find_socket())
    try:
        await engine.call("POST", "containers/create", body=left)
        with pytest.raises(ServiceConflictError):
            await runtime.remove_volumes("shop")
        assert await runtime.volumes("shop") == (volume.source,)
        following = DockerRuntime(data)
        await following.remove_volumes("shop")
        assert await following.volumes("shop") == ()
        await following.close()
    finally:
        await engine.close()


async def test_details_of_a_service_reach_the_container(
    runtime: DockerRuntime, busybox: str
) -> None:
    details = {
        "hosts": (("elsewhere", "192.0.2.7"),),
        "ulimits": (Ulimit("nofile", 77, 99),),
        "files": (GrantedFile("/etc/app.conf", b"granted\n", 0o400),),
        "tty": True,
        "read_only_root": False,
        "uid": 1234,
        "gid": 4321,
    }
    shell = (
        "cat /etc/app.conf; busybox stat -c %a:%u /etc/app.conf; ulimit -n; "
        "busybox grep -c 192.0.2.7 /etc/hosts; busybox tty; busybox touch /tmp/x && echo ok"
    )
    spec = replace(service(shell, details=details), image=Image(busybox, entrypoint=()))
    told = await lines(runtime, spec)
    assert told == ["granted", "400:1234", "77", "1", "/dev/pts/0", "ok"]


async def test_an_image_is_built_and_run(
    runtime: DockerRuntime, busybox: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {busybox} AS base\nARG WORD\nUSER 0\nFROM base\nARG WORD\nCOPY . /app\n"
        'RUN --mount=type=cache,target=/cache ["/bin/busybox", "sh", "-c", '
        '"busybox ls /app > /list; echo $WORD > /word; busybox touch /cache/x"]\n'
        'USER 1000\nSTOPSIGNAL 3\nENTRYPOINT []\nCMD ["sh", "-c", "cat /list /word"]\n'
    )
    (tmp_path / ".dockerignore").write_text("*.secret\n!kept.secret\nnode_modules\n")
    for name in ("a.txt", "b.secret", "kept.secret"):
        (tmp_path / name).write_text(name)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x").write_text("x")
    heard: list[str] = []
    wanted = ImageWanted(
        "cc-test/built:1", build=ImageBuild(tmp_path, args={"WORD": "argued"}, network="none")
    )
    facts = await runtime.provide_image(wanted, heard.append)
    assert any("] COPY . /app" in text for text in heard)
    assert any("] RUN --mount" in text for text in heard)
    assert (facts.uid, facts.gid, facts.stop_signal) == (1000, 0, "SIGQUIT")
    spec = replace(service(), command=(), image=Image(facts.reference))
    told = await lines(runtime, spec)
    assert told == ["Dockerfile", "a.txt", "kept.secret", "argued"]
    heard.clear()
    assert (await runtime.provide_image(wanted, heard.append)).reference == facts.reference
    assert not heard  # it is there


async def test_a_build_that_fails_shows_its_last_lines(
    runtime: DockerRuntime, busybox: str, tmp_path: Path
) -> None:
    build = ImageBuild(
        tmp_path,
        network="none",
        dockerfile_inline="# syntax=127.0.0.1:9/cc-test/absent:1\n"
        f'FROM {busybox}\nRUN ["/bin/busybox", "echo", "all is well"]\n'
        'RUN ["/bin/busybox", "sh", "-c", "echo before the end; exit 3"]\n',
    )
    heard: list[str] = []
    with pytest.raises(ImageUnavailableError, match="before the end") as caught:
        await runtime.provide_image(ImageWanted("cc-test/failing:1", build=build), heard.append)
    assert not caught.value.is_passing
    assert "[3/3] RUN" in caught.value.detail
    assert "all is well" not in caught.value.detail.splitlines()
    assert any("without 127.0.0.1:9/cc-test/absent:1" in text for text in heard)


async def test_what_a_build_is_built_on_is_told_when_it_cannot_be_had(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    build = ImageBuild(tmp_path, dockerfile_inline="FROM 127.0.0.1:9/cc-test/absent:1\n")
    with pytest.raises(ImageUnavailableError, match="absent:1 cannot be pulled") as caught:
        await runtime.provide_image(ImageWanted("cc-test/based:1", build=build), print)
    assert caught.value.is_passing


async def test_an_engine_without_buildkit_builds_as_well(
    runtime: DockerRuntime, busybox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "builds_by_buildkit", _never)
    build = ImageBuild(tmp_path, dockerfile_inline=f"FROM {busybox}\nENV BY=classic\n")
    heard: list[str] = []
    await runtime.provide_image(ImageWanted("cc-test/classic:1", build=build), heard.append)
    assert any("Step 2/" in text for text in heard)


async def _never(_: Engine) -> bool:
    return False


async def test_nothing_outside_a_context_is_sent(
    runtime: DockerRuntime, busybox: str, tmp_path: Path
) -> None:
    (tmp_path / "passwd").symlink_to("/etc/shadow")
    build = ImageBuild(tmp_path, dockerfile_inline=f"FROM {busybox}\nCOPY . /x\n")
    with pytest.raises(ImageUnavailableError, match="leads out"):
        await runtime.provide_image(ImageWanted("cc-test/leaking:1", build=build), print)
    outside = ImageBuild(tmp_path, dockerfile="../Dockerfile")
    with pytest.raises(ImageUnavailableError, match="outside"):
        await runtime.provide_image(ImageWanted("cc-test/leaking:1", build=outside), print)


async def test_an_image_that_is_not_there(runtime: DockerRuntime) -> None:
    with pytest.raises(ImageUnavailableError, match="never") as caught:
        await runtime.provide_image(ImageWanted("cc-test/absent:1", pull="never"), print)
    assert not caught.value.is_passing
    with pytest.raises(ImageUnavailableError, match="registry cannot be reached") as caught:
        await runtime.provide_image(ImageWanted("127.0.0.1:9/cc-test/absent:1"), print)
    assert caught.value.is_passing
