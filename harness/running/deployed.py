"""What was asked for, as a deployment: to make it, to take it over, or to clean up after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.deployment import Deployment
from harness.remote.seam import Host
from harness.running.registry import Asked


def deployment_of(asked: Asked, hosts: Sequence[Host], say: Callable[[str], None]) -> Deployment:
    return Deployment(
        asked.protocol,
        hosts,
        rtt_ms=asked.rtt_ms,
        options=asked.options,
        tunnel=asked.tunnel,
        leave_running=asked.adopted,
        tag=asked.tag,
        admin=asked.admin,
        transport=asked.transport,
        say=say,
    )
