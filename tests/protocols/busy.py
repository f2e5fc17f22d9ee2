"""What replicas are like after a thousand ops a second."""

from collections.abc import Iterable
from pkgutil import resolve_name
from typing import Any

from harness.sim import Setup, simulate
from protocols.kernel import Replica
from workloads.kernel import Options


def replicas_after(protocol: type[Replica[Any]], time_ms: int, **options: object) -> Iterable[Any]:
    """The three of a run without faults, as they are at its end."""
    replicas = {}

    class Watched(protocol):  # type: ignore[misc,valid-type]
        def on_start(self, durable: object) -> None:
            super().on_start(durable)
            replicas[self.id] = self

    setup = Setup(
        protocol=Watched,
        workload=resolve_name("workloads.register:workload")(),
        options=Options(threads=20, nodes=3, time_ms=time_ms, rate=1000),
        protocol_options=options,
    )
    assert simulate(setup).finished
    assert len(replicas) == 3
    return replicas.values()
