import pytest

from commandcenter.stacks.resources import NamedVolume, Network, NetworkAttachment
from tests.unit.stacks.compose.reading_parts import read, refused


def test_a_service_without_networks_is_in_the_default_one() -> None:
    stack = read("services: {web: {image: x}}\n").stack
    assert stack.networks == (Network("default"),)
    assert stack.services[0].networks == (NetworkAttachment("default"),)


def test_declared_networks_and_volumes() -> None:
    stack = read(
        "services: {web: {image: x, networks: {one: {aliases: [w]}, two: }}}\n"
        "networks: {one: {internal: true, driver: bridge, labels: [a=1]}, two: , unused: }\n"
        "volumes: {v: , w: {labels: {a: 1}, driver: local}}\n"
    ).stack
    assert stack.networks == (Network("one", internal=True, labels={"a": "1"}), Network("two"))
    assert stack.volumes == (NamedVolume("v"), NamedVolume("w", {"a": "1"}))
    assert stack.services[0].networks == (
        NetworkAttachment("one", ("w",)),
        NetworkAttachment("two"),
    )


def test_a_container_name_is_a_name_within_the_network_and_noted() -> None:
    found = read("services: {web: {image: x, container_name: shop-web}}\n")
    assert found.stack.services[0].networks[0].aliases == ("shop-web",)
    assert found.notes[0].path == "services.web.container_name"


@pytest.mark.parametrize(
    ("section", "refusal", "path"),
    [
        ("networks: {n: {external: true}}", "unsafe", "networks.n"),
        ("networks: {n: {external: {name: other}}}", "unsafe", "networks.n"),
        ("networks: {n: {driver: host}}", "unsafe", "networks.n"),
        ("networks: {n: {driver: macvlan}}", "unsafe", "networks.n"),
        ("networks: {n: {driver: overlay}}", "unsupported", "networks.n"),
        (
            "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}",
            "unsupported",
            "networks.n.ipam",
        ),
        ("networks: {n: {driver_opts: {a: b}}}", "unsupported", "networks.n.driver_opts"),
        ("networks: {n: {enable_ipv6: true}}", "unsupported", "networks.n.enable_ipv6"),
        ("volumes: {v: {external: true}}", "unsafe", "volumes.v"),
        ("volumes: {v: {driver: nfs}}", "unsupported", "volumes.v.driver"),
        (
            "volumes: {v: {driver_opts: {type: none, o: bind, device: /etc}}}",
            "unsafe",
            "volumes.v.driver_opts.device",
        ),
        ("volumes: {v: {driver_opts: {o: size=1}}}", "unsupported", "volumes.v.driver_opts"),
        ("secrets: {s: {external: true}}", "unsafe", "secrets.s"),
        ("secrets: {s: {file: ../s}}", "unsafe", "secrets.s.file"),
        ("configs: {s: {file: /etc/passwd}}", "unsafe", "configs.s.file"),
        ("models: {m: {model: x}}", "unsupported", "models"),
    ],
)
def test_what_reaches_beyond_the_project_is_refused(section: str, refusal: str, path: str) -> None:
    problem = refused(f"services: {{web: {{image: x}}}}\n{section}\n")[0]
    assert (problem.refusal, problem.path, problem.place.line) == (refusal, path, 2)


def test_a_network_that_is_not_declared_is_refused() -> None:
    assert "not declared" in refused("services: {web: {image: x, networks: [n]}}\n")[0].message
    fixed = refused(
        "services: {web: {image: x, networks: {n: {ipv4_address: 1.2.3.4}}}}\nnetworks: {n: }\n"
    )
    assert fixed[0].path == "services.web.networks.n.ipv4_address"
