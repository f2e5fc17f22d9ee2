"""What is open when, for the plain search: a list for each answer, in bounded memory."""

from __future__ import annotations

from checker.history import Op
from checker.linearizable.track import Track


class Timeline:
    """Ops are numbered by invocation, and have a bit as long as they are open.

    ``answered`` are the ops in order of their answers. Before each answer, ``acts_at`` are the open
    ops that may change the state, in the order in which they will be answered, ``looks_at`` the open
    observers, ``fresh`` those observers that were not yet open before the previous answer, and
    ``crashed_at`` how many crashed ops of each class had been invoked, as (class, number). A timeline
    that would hold more than ``most`` open ops in all ends early: ``beyond`` is the op whose answer
    is the first that it leaves out.
    """

    def __init__(self, track: Track, *, most: int) -> None:
        self.track = track
        self.class_of: list[int] = track.kind.tolist()
        self.bit = [0] * len(track)
        self.answered: list[int] = []
        self.acts_at: list[tuple[int, ...]] = []
        self.looks_at: list[tuple[int, ...]] = []
        self.fresh: list[tuple[int, ...]] = []
        self.crashed_at: list[tuple[tuple[int, int], ...]] = []
        self.crashed: dict[int, int] = {}
        self.beyond: Op | None = None
        ended: list[int] = track.ended.tolist()
        order = sorted((row, number) for number, row in enumerate(ended) if row >= 0)
        self.all_answers = len(order)
        self._play(track.invoked.tolist(), [number for _, number in order], ended, most)

    def _play(self, invoked: list[int], order: list[int], ended: list[int], most: int) -> None:
        looks = [self.track.looks[kind] for kind in self.class_of]
        acting: list[tuple[int, int]] = []
        looking: list[int] = []
        new: list[int] = []
        free: list[int] = []
        width = begun = 0
        counts: tuple[tuple[int, int], ...] = ()
        invoked.append(1 << 62)
        for number in order:
            end = ended[number]
            while invoked[begun] < end:
                if ended[begun] < 0:
                    kind = self.class_of[begun]
                    self.crashed[kind] = self.crashed.get(kind, 0) + 1
                    counts = tuple(self.crashed.items())
                    begun += 1
                    continue
                if not free:
                    free.append(1 << width)
                    width += 1
                self.bit[begun] = free.pop()
                if looks[begun]:
                    looking.append(begun)
                    new.append(begun)
                else:
                    acting.append((ended[begun], begun))
                begun += 1
            most -= len(acting) + len(looking)
            if most < 0:
                self.beyond = self.track.op(number)
                return
            acting.sort()
            self.answered.append(number)
            self.acts_at.append(tuple([op for _, op in acting]))
            self.looks_at.append(tuple(looking))
            self.fresh.append(tuple(new))
            self.crashed_at.append(counts)
            if new:
                new = []
            if looks[number]:
                looking.remove(number)
            else:
                acting.remove((end, number))
            free.append(self.bit[number])
