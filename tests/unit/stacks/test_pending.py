"""What a service is limited to from its next start on, told from what is stored of it."""

from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.pending import limited, next_limits, stored_limits
from commandcenter.stacks.resources import ServiceLimits

_MIB = 1024**2
OWN = ServiceLimits(memory_bytes=256 * _MIB)


def test_a_wish_is_put_over_the_definitions_own_limits_and_can_be_taken_back() -> None:
    started = stored_limits(ServiceLimits(cpus=2, memory_bytes=64 * _MIB), OWN)
    assert started["memory_bytes"] == 64 * _MIB
    without = next_limits(started, None)
    assert (without["cpus"], without["memory_bytes"]) == (1.0, 256 * _MIB)
    wished = next_limits(started, ServiceLimits(memory_bytes=512 * _MIB))
    assert (wished["cpus"], wished["memory_bytes"]) == (1.0, 512 * _MIB)
    assert next_limits(wished, None) == without


def test_the_limits_of_one_service_are_replaced_and_its_shared_memory_stays() -> None:
    web = Service("web", limits=ServiceLimits(cpus=1, shm_bytes=8 * _MIB))
    stack = Stack("shop", (web, Service("db", limits=OWN)))
    stored = next_limits(stored_limits(web.limits, web.limits), ServiceLimits(cpus=0.5, pids=20))
    found = limited(stack, "web", stored)
    assert found.services[0].limits == ServiceLimits(0.5, None, 20, 8 * _MIB)
    assert found.services[1] == stack.services[1]
