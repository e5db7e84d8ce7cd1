"""Attributes of a service that are refused, each with its reason; harmless values pass.

Every attribute of the specification is either read (`READ`) or stands here: a test compares both
with the schema, so that a new one cannot be overlooked.
"""

from collections.abc import Callable

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.problems import Refusal
from commandcenter.stacks.compose.units import parse_boolean, parse_integer

READ = frozenset(
    [
        "image",
        "build",
        "command",
        "entrypoint",
        "environment",
        "env_file",
        "working_dir",
        "user",
        "ports",
        "expose",
        "volumes",
        "tmpfs",
        "secrets",
        "configs",
        "networks",
        "network_mode",
        "extra_hosts",
        "hostname",
        "depends_on",
        "links",
        "healthcheck",
        "deploy",
        "cpus",
        "cpu_quota",
        "cpu_period",
        "mem_limit",
        "memswap_limit",
        "pids_limit",
        "shm_size",
        "ulimits",
        "restart",
        "stop_signal",
        "stop_grace_period",
        "profiles",
        "labels",
        "label_file",
        "read_only",
        "init",
        "tty",
        "stdin_open",
        "cap_add",
        "cap_drop",
        "security_opt",
        "platform",
        "pull_policy",
        "container_name",
        "scale",
        "extends",
    ]
)
# Without these a service of an image that expects to begin as root often cannot; none of them
# reaches beyond the service.
CAPABILITIES = frozenset(
    [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "KILL",
        "NET_BIND_SERVICE",
        "SETGID",
        "SETUID",
        "SYS_NICE",
    ]
)
_Rule = Callable[[Cursor], None]


def refuse_unsafe(service: Cursor) -> None:
    """Report every attribute that is not read, and why."""
    for name, attribute in service.items():
        rule = RULES.get(name)
        if rule is not None and attribute.node.value not in (None, [], {}):
            rule(attribute)


def capabilities(service: Cursor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is added and dropped, without CAP_; those not allowed are reported."""
    added: list[str] = []
    for entry in _each(service, "cap_add"):
        name = _capability(entry)
        if name in CAPABILITIES:
            added.append(name)
        else:
            entry.unsafe(
                f"the capability {name} reaches beyond the service",
                f"these may be added: {', '.join(sorted(CAPABILITIES))}",
            )
    return tuple(added), tuple(_capability(entry) for entry in _each(service, "cap_drop"))


def no_new_privileges(service: Cursor) -> bool:
    """Return whether `security_opt` asks for it; every other option is reported."""
    asked = False
    for entry in _each(service, "security_opt"):
        name, _, value = entry.text.replace("=", ":", 1).partition(":")
        if name == "no-new-privileges" and value in ("", "true"):
            asked = True
        elif value in ("unconfined", "disable", "false"):
            entry.unsafe(f"{entry.text} takes a protection of the service away")
        else:
            entry.unsupported(f"{entry.text[:100]} cannot be set here")
    return asked


def _each(service: Cursor, name: str) -> list[Cursor]:
    attribute = service.get(name)
    return list(attribute.each()) if attribute else []


def _capability(entry: Cursor) -> str:
    return entry.text.upper().removeprefix("CAP_")


def _unsafe(message: str, hint: str | None = None) -> _Rule:
    return lambda attribute: attribute.unsafe(message, hint)


def _unsupported(message: str, hint: str | None = None) -> _Rule:
    return lambda attribute: attribute.unsupported(message, hint)


def _unless_false(refusal: Refusal, message: str, hint: str | None = None) -> _Rule:
    def rule(attribute: Cursor) -> None:
        if attribute.parse(parse_boolean, default=True):
            attribute.findings.refuse(refusal, attribute.path, attribute.place, message, hint)

    return rule


def _namespace(what: str, harmless: tuple[str, ...] = ()) -> _Rule:
    def rule(attribute: Cursor) -> None:
        value = attribute.text
        if value in harmless:
            return
        if value == "host" or value.startswith("container:"):
            attribute.unsafe(f"{value} would put the service into {what} from outside the project")
        else:
            attribute.unsupported(f"{value[:60]}: services do not share {what} here")

    return rule


def _oom_score(attribute: Cursor) -> None:
    if attribute.parse(parse_integer, 0) < 0:
        attribute.unsafe("the service would outlive others of this machine when memory runs out")
    else:
        attribute.unsupported("which service goes first when memory runs out is not chosen here")


def _hooks(attribute: Cursor) -> None:
    for hook in attribute.each():
        if hook.flag("privileged"):
            hook.unsafe("a privileged command has all power over this machine")
    attribute.unsupported("commands beside the service's own are not run", "put it in the command")


def _logging(attribute: Cursor) -> None:
    driver = attribute.text_at("driver")
    if driver in (None, "json-file", "local", "none"):
        attribute.note("logs are kept, rotated and shown by CommandCenter, with its own settings")
    else:
        attribute.unsupported(f'the driver "{driver}" would send logs elsewhere', "take it away")


def _volumes_from(attribute: Cursor) -> None:
    for entry in attribute.each():
        if entry.text.startswith("container:"):
            entry.unsafe("the container lies outside the project")
        else:
            entry.unsupported("name the volumes in each service that uses them")


_DEVICES = "devices of this machine are not given to services"
_DNS = "names are resolved by the project's own network"
_WEIGHT = "a share or place of the processor cannot be asked for"
RULES: dict[str, _Rule] = {
    "annotations": _unsupported("annotations are not passed on", "use labels"),
    "attach": lambda attribute: attribute.note("every service's log is kept and can be followed"),
    "blkio_config": _unsupported("disk speed is not limited here"),
    "cgroup": _namespace("a control group", ("private",)),
    "cgroup_parent": _unsafe("the limits of the project could be escaped"),
    "cpu_count": _unsupported(_WEIGHT, "use cpus"),
    "cpu_percent": _unsupported(_WEIGHT, "use cpus"),
    "cpu_rt_period": _unsafe("real-time scheduling can stop this machine"),
    "cpu_rt_runtime": _unsafe("real-time scheduling can stop this machine"),
    "cpu_shares": _unsupported(_WEIGHT, "use cpus"),
    "cpuset": _unsupported(_WEIGHT, "use cpus"),
    "credential_spec": _unsupported("accounts of a Windows domain are not used here"),
    "develop": lambda attribute: attribute.note("only `watch` uses it, which is not run here"),
    "device_cgroup_rules": _unsafe(_DEVICES),
    "devices": _unsafe(_DEVICES),
    "dns": _unsupported(_DNS),
    "dns_opt": _unsupported(_DNS),
    "dns_search": _unsupported(_DNS),
    "domainname": _unsupported(_DNS),
    "external_links": _unsafe("it names containers outside the project"),
    "gpus": _unsafe(_DEVICES),
    "group_add": _unsupported("a service is in the groups of its user alone"),
    "ipc": _namespace("shared memory", ("private", "none")),
    "isolation": _unsupported("the isolation is chosen by the runtime"),
    "logging": _logging,
    "mac_address": _unsupported("addresses are given out by the project's network"),
    "mem_reservation": lambda attribute: attribute.note("nothing is reserved; limits are enforced"),
    "mem_swappiness": _unsupported("services do not swap"),
    "models": _unsupported("language models are not started as part of a stack"),
    "oom_kill_disable": _unless_false(
        Refusal.UNSAFE, "a service beyond its memory must end, or this machine may stand still"
    ),
    "oom_score_adj": _oom_score,
    "pid": _namespace("the list of processes"),
    "post_start": _hooks,
    "pre_start": _hooks,
    "pre_stop": _hooks,
    "privileged": _unless_false(
        Refusal.UNSAFE,
        "a privileged service has all power over this machine",
        "name the one capability it needs in cap_add",
    ),
    "provider": _unsafe("it would run a program of this machine"),
    "pull_refresh_after": _unsupported("an image is fetched when it is missing, or always"),
    "runtime": _unsafe("another runtime may isolate less", "take it away"),
    "storage_opt": _unsupported("the storage driver has no options here"),
    "sysctls": _unsafe("settings of the kernel are not changed for a project"),
    "use_api_socket": _unless_false(
        Refusal.UNSAFE, "the container engine's socket gives all power over this machine"
    ),
    "userns_mode": _namespace("user ids"),
    "uts": _namespace("the machine's name"),
    "volumes_from": _volumes_from,
}
