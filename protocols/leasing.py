"""Leases for clients: take, refresh and release, with fencing tokens, by a time that the log agrees on.

Gray and Cheriton, "Leases", SOSP 1989; the tokens are Lampson's and Burrows' *sequencers* ("The Chubby
lock service", OSDI 2006, section 2.4), the leaser and releaser are paxakos'. Commands of a key:

- ``acquire`` of a number of ms: a token, higher than any before it; refused while another holds it;
- ``refresh`` of ``[token, ms]``: so many ms from now on; refused to who does not hold it any more;
- ``release`` of a token: whoever asks next may have it;
- ``expire`` of a token: the same, if its time is over. The leader proposes it (the *releaser*).

**Time** is a number in the entry, written by the leader that proposes it; replicas that run the entry
look at no clock. Since a leader is not told when it is, but that so much time has passed, log time is
an interval ``[earliest, latest]``: a lease ends ``ms`` after the *latest* time at which it may have been
taken, and is over for an entry whose *earliest* time is not before that end. So however entries, leaders
and ticks fall, between the two as many ms have passed, by the leaders' own monotonic clocks, which may
run fast but do not jump. A holder, who counts from before it asked, must allow for the difference in pace.

The holder's belief may be wrong all the same: it was paused, or its command was under way for long. So
what a lease guards must look at tokens and refuse an older one after a newer (Kleppmann, "How to do
distributed locking", 2016): command ``guarded`` of :mod:`protocols.statemachine` is such a resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from protocols.answers import Answer
from protocols.kernel import Command, Json

EXPIRE = "expire"
LEASES = frozenset({"acquire", "refresh", "release", EXPIRE})
"""The commands that need a time. Protocols serve them that stamp what they propose."""

LONGEST_MS = 3_600_000
"""Nobody holds anything for longer than this without a refresh."""

_MALFORMED = Answer("malformed", ok=False)
_TIMELESS = Answer("this protocol keeps no time in its log: it serves no leases", ok=False)


def stamped(command: Command, earliest: int, latest: int) -> Command:
    """The command as it is proposed: it is now between these two times of the log."""
    value = {"at": [earliest, latest], "asked": command.value}
    return Command(command.f, command.key, value, command.session, command.serial)


class Timekeeper:
    """The log's time as a leader counts it, by ticks that are ``period_ms`` or more apart.

    It goes on from where the log has come to, and never counts more than has passed: the first tick in
    office may come at once, so that it is not counted, and one that comes late counts as one.

    >>> keeper = Timekeeper(100)
    >>> keeper.begin(700); keeper.tick(); keeper.tick()
    >>> keeper.stamp(Command("acquire", "l", 50)).value
    {'at': [800, 900], 'asked': 50}
    """

    def __init__(self, period_ms: int) -> None:
        self.period_ms = period_ms
        self.now = 0
        self._ticking = False

    def begin(self, now: int) -> None:
        """This replica leads from now on."""
        self.now, self._ticking = now, False

    def tick(self) -> None:
        if self._ticking:
            self.now += self.period_ms
        self._ticking = True

    def stamp(self, command: Command) -> Command:
        return stamped(command, self.now, self.now + self.period_ms)

    def expiries(self, leases: Leases) -> Iterator[Command]:
        """What the leader proposes at a tick to free what nobody holds any more (the releaser)."""
        for key, token in leases.over(self.now):
            yield Command(EXPIRE, key, token, "@releaser", self.now)


class Leases:
    """Who holds what until when, by log time. Pure data, the same at every replica."""

    def __init__(self) -> None:
        self.clock = 0
        """The latest of the entries' earliest times."""
        self.held: dict[str, tuple[int, int]] = {}
        """By key the token of who holds it, and when that ends."""
        self.tokens: dict[str, int] = {}
        """The last token that was given for a key: kept when nobody holds it, or it would come again."""

    def run(self, command: Command) -> Answer:
        stamp = command.value
        if not (isinstance(stamp, dict) and stamp.keys() == {"at", "asked"}):
            return _TIMELESS
        earliest, latest = cast("list[int]", stamp["at"])
        self.clock = max(self.clock, self.read(earliest))
        asked, key = stamp["asked"], command.key
        if command.f == "acquire":
            return self._acquire(key, asked, latest - earliest)
        if command.f == "refresh":
            return self._refresh(key, asked, latest - earliest)
        return self._free(key, asked, due=command.f == EXPIRE)

    def read(self, earliest: int) -> int:
        """What time an entry's stamp shows. (For mutants, which look elsewhere.)"""
        return earliest

    def over(self, now: int) -> list[tuple[str, int]]:
        """The keys whose lease has ended by ``now``, with its token."""
        return [(key, token) for key, (token, until) in self.held.items() if until <= now]

    def holder(self, key: str) -> int | None:
        """The token of who holds this key now."""
        token, until = self.held.get(key, (0, 0))
        return token if until > self.clock else None

    def _until(self, ms: int, span: int) -> int:
        """When a lease ends that is given now, where now is at most ``span`` after ``clock``."""
        return self.clock + span + ms

    def _acquire(self, key: str, ms: Any, span: int) -> Answer:
        if not _is_time(ms):
            return _MALFORMED
        if self.holder(key) is not None:
            return Answer("held by another", ok=False)
        token = self.next_token(key)
        self.tokens[key] = token
        self.held[key] = token, self._until(ms, span)
        return Answer(token)

    def next_token(self, key: str) -> int:
        return self.tokens.get(key, 0) + 1

    def _refresh(self, key: str, asked: Any, span: int) -> Answer:
        if not isinstance(asked, (list, tuple)) or len(asked) != 2 or not _is_time(asked[1]):
            return _MALFORMED
        token, ms = asked
        if not self.may_refresh(key, token):
            return Answer("not held any more", ok=False)
        self.held[key] = token, max(self.held[key][1], self._until(ms, span))
        return Answer(token)

    def may_refresh(self, key: str, token: Json) -> bool:
        return type(token) is int and self.holder(key) == token

    def _free(self, key: str, token: Json, *, due: bool) -> Answer:
        if key not in self.held or not self.may_free(key, token, due=due):
            return Answer("not held, or not over", ok=False)
        del self.held[key]
        return Answer(token)

    def may_free(self, key: str, token: Json, *, due: bool) -> bool:
        held, until = self.held[key]
        return type(token) is int and held == token and (until <= self.clock or not due)

    def snapshot(self) -> Json:
        held = {key: list(lease) for key, lease in self.held.items()}
        return {"clock": self.clock, "held": held, "tokens": dict(self.tokens)}

    def load(self, snapshot: Json) -> None:
        """Become what this was the snapshot of."""
        saved = cast("dict[str, Any]", snapshot)
        self.clock, self.tokens = saved["clock"], dict(saved["tokens"])
        self.held = {key: (token, until) for key, (token, until) in saved["held"].items()}


def _is_time(ms: object) -> bool:
    return type(ms) is int and 0 < ms <= LONGEST_MS
