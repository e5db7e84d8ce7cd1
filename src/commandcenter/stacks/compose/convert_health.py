"""`healthcheck`, `restart`, `stop_signal`: how a service is watched and ended."""

import signal

from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.units import parse_duration, parse_integer
from commandcenter.stacks.health import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_RETRIES,
    DEFAULT_START_INTERVAL_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    CommandProbe,
    HealthCheck,
    ImageProbe,
    NoProbe,
    Probe,
    ShellProbe,
)
from commandcenter.stacks.model import RestartMode, RestartPolicy

_MOST_RETRIES = 1000
_HIGHEST_SIGNAL = 64


def health_of(service: Cursor) -> HealthCheck | None:
    """Return the health check, None if the definition says nothing."""
    check = service.get("healthcheck")
    if check is None:
        return None
    probe: Probe = NoProbe() if check.flag("disable") else _probe(check)
    retries = check.parse_at("retries", parse_integer, DEFAULT_RETRIES)
    if not 0 <= retries <= _MOST_RETRIES:
        check.invalid(f"retries must be 0 to {_MOST_RETRIES}")
    return HealthCheck(
        probe,
        _seconds(check, "interval", DEFAULT_INTERVAL_SECONDS),
        _seconds(check, "timeout", DEFAULT_TIMEOUT_SECONDS),
        retries or DEFAULT_RETRIES,
        _seconds(check, "start_period", 0.0),
        _seconds(check, "start_interval", DEFAULT_START_INTERVAL_SECONDS),
    )


def _seconds(check: Cursor, name: str, default: float) -> float:
    return check.parse_at(name, parse_duration, default) or default


def _probe(check: Cursor) -> Probe:
    test = check.get("test")
    if test is None:
        return ImageProbe()
    if not test.node.is_list:
        return ShellProbe(test.text) if test.text else ImageProbe()
    probe: Probe = ImageProbe()
    words = tuple(entry.text for entry in test.each())
    match words:
        case () | ("",):
            pass
        case ("NONE", *_):
            probe = NoProbe()
        case ("CMD", _, *_):
            probe = CommandProbe(words[1:])
        case ("CMD-SHELL", script):
            probe = ShellProbe(script)
        case _:
            test.invalid(
                'a list begins with "CMD", "CMD-SHELL" or "NONE", and a command follows it'
            )
    return probe


def restart_of(service: Cursor) -> RestartPolicy:
    """Return the restart policy; the one under deploy wins, as in Compose."""
    policy = _deployed(service)
    restart = service.get("restart")
    if policy is not None:
        return policy
    return restart.parse(_restart, RestartPolicy()) if restart else RestartPolicy()


def _restart(value: object) -> RestartPolicy:
    text = str(value)
    mode, colon, attempts = text.partition(":")
    if mode == RestartMode.ON_FAILURE and colon:
        return RestartPolicy(RestartMode.ON_FAILURE, _attempts(attempts))
    try:
        return RestartPolicy(RestartMode(text))
    except ValueError:
        raise ValueError(
            f'"{text[:40]}" is not one of no, always, unless-stopped, on-failure, on-failure:3'
        ) from None


def _attempts(value: object) -> int | None:
    attempts = parse_integer(value)
    if attempts < 0:
        raise ValueError("the number of attempts cannot be negative")
    return attempts or None


def _deployed(service: Cursor) -> RestartPolicy | None:
    deploy = service.get("deploy")
    policy = deploy.get("restart_policy") if deploy else None
    if policy is None:
        return None
    for name in ("delay", "window"):
        waiting = policy.get(name)
        if waiting is not None:
            waiting.note("how long to wait between restarts is decided by CommandCenter")
    attempts = policy.parse_at("max_attempts", _attempts, None)
    match policy.text_at("condition"):
        case "none":
            return RestartPolicy()
        case "on-failure":
            return RestartPolicy(RestartMode.ON_FAILURE, attempts)
        case None | "any":
            if attempts is not None:
                policy.unsupported(
                    "attempts are counted after failures only", "write condition: on-failure"
                )
            return RestartPolicy(RestartMode.ALWAYS)
        case other:
            policy.invalid(f'the condition "{other[:40]}" is not one of none, on-failure, any')
            return None


def stop_signal_of(service: Cursor) -> str | None:
    """Return the signal's name (`SIGINT`), None if the definition says nothing."""
    stop_signal = service.get("stop_signal")
    return stop_signal.parse(_signal_name, None) if stop_signal else None


def _signal_name(value: object) -> str | None:
    text = str(value).upper()
    if text.isdigit() and 0 < int(text[:4]) <= _HIGHEST_SIGNAL:
        return _by_number(int(text))
    name = text if text.startswith("SIG") else f"SIG{text}"
    if name in signal.Signals.__members__ or name.startswith(("SIGRTMIN+", "SIGRTMAX-")):
        return name
    raise ValueError(f'"{str(value)[:40]}" is not a signal; write SIGINT or SIGTERM')


def _by_number(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
