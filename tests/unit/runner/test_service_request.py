import pytest

from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.request import JobLimits, JobRequest
from commandcenter.runner.service import Port, ServiceRequest, Volume

_SERVICE = ServiceRequest(
    network="project",
    names=("postgres", "db"),
    ports=(Port("127.0.0.1", 15432, 5432),),
    volumes=(Volume("/data/volumes/project/postgres", "/var/lib/postgresql/data", writable=True),),
    programs=("/opt/postgres",),
    tmpfs=(("/run", 65536),),
    uid=999,
    gid=999,
    stop_signal=2,
)


def test_a_service_crosses_the_wire_unchanged() -> None:
    limits = JobLimits(1.0, 64 * 1024**2, 16, 65536, 1024)
    request = JobRequest("a", True, ("true",), limits, float("inf"), 1.0, member=_SERVICE)
    fields, payload = request.to_wire()
    assert JobRequest.from_wire(fields, payload) == request


@pytest.mark.parametrize(
    "target",
    ["/", "/proc", "/proc/self", "/sys/fs", "/etc", "/etc/hosts", "/dev/shm", "/usr/lib", "a", ""],
)
def test_a_mount_over_what_isolates_is_refused(target: str) -> None:
    service = ServiceRequest("n", ("a",), volumes=(Volume("/x", target, writable=False),))
    with pytest.raises(BadRequestError):
        service.check()


def test_two_mounts_at_one_place_are_refused() -> None:
    service = ServiceRequest(
        "n", ("a",), volumes=(Volume("/x", "/data", writable=False),), tmpfs=(("/data", 65536),)
    )
    with pytest.raises(BadRequestError, match="/data"):
        service.check()
