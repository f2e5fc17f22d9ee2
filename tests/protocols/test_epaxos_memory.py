"""What a replica holds does not grow with what it has done."""

from __future__ import annotations

from protocols.epaxos import EPaxos
from protocols.kernel import Command
from tests.transcript import Stage

LIMITS = {"checkpoint_every": 16, "retain": 32}


def held(replica: EPaxos) -> dict[str, int]:
    """The sizes of everything that could grow."""
    i, pace, executor = replica.instances, replica.pace, replica.executor
    return {
        "instances": sum(len(row.instances) for row in i.rows),
        "keys known": len(i.known.snapshot()),  # type: ignore[arg-type]
        "live": len(i.live),
        "requests": len(replica.requests) + len(replica.queue),
        "pace": len(pace.leading) + len(pace.resends) + len(pace.open),
        "recoveries": len(replica.recoverer.seen) + len(replica.recoverer.waiting),
        "blocked": len(executor.blocked) + len(executor.waiters),
    }


def serve(stage: Stage, first: int, last: int) -> None:
    up = list(stage.replicas)
    for serial in range(first, last):
        node = up[serial % len(up)]
        stage.request(node, Command("write", f"k{serial % 5}", serial, f"s{serial % 7}", serial))
        if serial % 3 == 0:
            stage.settle(*up)
        if serial % 6 == 0:
            for at in up:
                stage.fire(at, "tick")
            stage.settle(*up)
        stage.lines.clear()
    for _ in range(30):
        for at in up:
            stage.fire(at, "tick")
        stage.settle(*up)


def grown(dead: tuple[int, ...]) -> tuple[dict[str, int], dict[str, int], int, int]:
    stage = Stage(EPaxos, options=LIMITS)
    stage.start()
    stage.kill(*dead) if dead else None
    serve(stage, 1, 300)
    early, disk = held(stage.replicas[0]), len(stage.disks[0])  # type: ignore[arg-type]
    serve(stage, 300, 1500)
    return early, held(stage.replicas[0]), disk, len(stage.disks[0])  # type: ignore[arg-type]


def test_after_five_times_as_many_commands_it_holds_no_more():
    early, late, disk, later = grown(())
    assert late["keys known"] == early["keys known"] == 5
    assert late["instances"] <= 3 * (16 + 32)
    assert later <= disk + 3 * 16
    assert all(late[what] == 0 for what in ("live", "requests", "pace", "recoveries", "blocked"))


def test_nor_does_it_keep_all_for_one_that_is_dead():
    """A replica that is away is given the state when it comes back: see ``Install``."""
    _, late, _, later = grown((2,))
    assert late["instances"] <= 3 * (16 + 32 + 16)
    assert later <= 3 * (16 + 32 + 16) + 1
