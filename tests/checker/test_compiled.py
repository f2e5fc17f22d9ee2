"""The compiled search says what the plain one says, whatever the model; and takes on what is large."""

from importlib.util import find_spec
from pkgutil import resolve_name
from random import Random

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INFO, INVOKE, OK, History, Op, Row
from checker.linearizable import compiled, frontier
from checker.linearizable.decision import Budget, Decision
from checker.linearizable.search import search
from checker.linearizable.timeline import Timeline
from checker.linearizable.track import Track, of_history, of_ops
from checker.models import CAS_REGISTER, MODELS, REGISTER, STORE, Model
from checker.progress import Stopped, listening
from checker.verdict import Outcome
from tests.checker.histories import DRAWS, OBJECTS, interleaved, object_history, register_history

fast = pytest.mark.skipif(
    find_spec("numba") is None, reason="Numba is not installed: pip install harness[fast]"
)


def plain(track: Track, model: Model, budget: Budget) -> Decision:
    limit = budget.limit(len(track))
    return frontier.Walk(Timeline(track, most=1 << 40), model, budget, limit).run()


def same(history: History, model: Model) -> None:
    """All but the steps."""
    budget = Budget()
    for _, track in of_history(history, model):
        found = compiled.decide(track, model, budget)
        expected = plain(track, model, budget)
        assert found is not None
        for field in ("outcome", "answers", "explained", "stuck", "others", "states"):
            assert getattr(found, field) == getattr(expected, field), field


@fast
@pytest.mark.timeout(300)  # the first of them compiles
@pytest.mark.parametrize("name", sorted(OBJECTS))
@settings(max_examples=200, deadline=None)
@given(DRAWS)
def test_models_are_judged_alike(name: str, draws) -> None:
    same(object_history(draws, name, unique=False), resolve_name(MODELS[name]))


@fast
@settings(max_examples=300, deadline=None)
@given(DRAWS)
def test_registers_are_judged_alike(draws) -> None:
    history = register_history(draws, cas=True, unique=False)
    same(history, CAS_REGISTER)
    same(history, REGISTER)


@fast
@settings(max_examples=100, deadline=None)
@given(DRAWS)
def test_a_store_of_keys_is_judged_alike(draws) -> None:
    parts = [register_history(draws[i::3], cas=True, unique=False) for i in range(3)]
    history = interleaved(parts, Random(len(draws)))
    same(history, STORE)
    same(history, REGISTER)


@fast
@pytest.mark.parametrize("seed", range(20))
def test_hard_histories_are_judged_alike(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Two hundred ops of six clients, some crashed, and at last a read of what nobody wrote.

    Of three histories two are hardly tried depth first, so that the broad walk decides.
    """
    if seed % 3:
        for module in (compiled, frontier):
            monkeypatch.setattr(module, "_PATIENCE", 100_000)
    history = crowd(seed, ops=200, wrong=seed % 2 == 1)
    same(history, CAS_REGISTER)


def crowd(seed: int, *, ops: int, wrong: bool, clients: int = 6) -> History:
    """Ops of a cas register that take effect when they are answered, but are open for long."""
    random = Random(f"{seed}/crowd")
    value: int | None = None
    rows: list[Row] = []
    names = list(range(clients))
    asked: dict[int, tuple[str, object]] = {}
    while len(rows) < 2 * ops:
        client = random.randrange(clients)
        f, what = asked.pop(client, ("", None))
        if not f:
            f = random.choice(("read", "write", "cas"))
            new = random.randrange(4)
            what = {"read": None, "write": new, "cas": [random.randrange(4), new]}[f]
            asked[client] = f, what
            rows.append(Row(len(rows), names[client], INVOKE, f, "x", what))
            continue
        fate = INFO if random.random() < 0.05 else OK
        fits = f != "cas" or what[0] == value
        if fits and (fate == OK or random.random() < 0.5):
            value = what if f == "write" else what[1] if f == "cas" else value
        elif not fits and fate == OK:
            fate = FAIL
        answer = value if f == "read" else what
        rows.append(Row(len(rows), names[client], fate, f, "x", answer))
        names[client] += clients if fate == INFO else 0
    if wrong:
        rows += [Row(len(rows), 999, INVOKE, "read", "x")]
        rows += [Row(len(rows), 999, OK, "read", "x", 99)]
    return History.of(rows)


@settings(max_examples=200)
@given(DRAWS)
def test_a_history_in_columns_gives_the_tracks_that_its_ops_give(draws) -> None:
    parts = [register_history(draws[i::3], cas=True, unique=False) for i in range(3)]
    history = interleaved(parts, Random(len(draws)))
    for model in (CAS_REGISTER, REGISTER, STORE):
        by_object: dict[object, list[Op]] = {}
        for op in history.ops():
            name = None if model.partition is None else model.partition(op)
            by_object.setdefault(name, []).append(op)
        of_columns = dict(of_history(history, model))
        for name, ops in by_object.items():
            expected = of_ops(ops, model)
            if name not in of_columns:
                assert not expected.classes, "nothing but failed ops"
                continue
            found = of_columns[name]
            for field in ("invoked", "ended"):
                assert getattr(found, field).tolist() == getattr(expected, field).tolist()
            kinds = [t.kind.tolist() for t in (found, expected)]
            shown = [
                [t.classes[k] for k in ks] for t, ks in zip((found, expected), kinds, strict=True)
            ]
            assert [o[2:] if model.processes else o[3:] for o in shown[0]] == [
                o[2:] if model.processes else o[3:] for o in shown[1]
            ]


@fast
def test_more_than_63_open_ops_are_left_to_the_plain_search() -> None:
    rows = [Row(p, p, INVOKE, "write", "x", p) for p in range(64)]
    rows += [Row(64 + p, p, OK, "write", "x", p) for p in range(64)]
    [(_, track)] = of_history(History.of(rows), REGISTER)
    assert compiled.decide(track, REGISTER, Budget()) is None
    assert search(History.of(rows[:-1]), REGISTER).outcome is Outcome.VALID


@fast
def test_what_is_large_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    history = crowd(1, ops=500, wrong=False)
    monkeypatch.setattr(frontier, "LARGE", 100)
    monkeypatch.setattr(frontier, "Walk", None)  # the plain search would fail
    assert search(history, CAS_REGISTER).outcome is Outcome.VALID


@fast
@pytest.mark.parametrize("ending", [Stopped("out of time"), KeyboardInterrupt()])
def test_an_ending_leaves_what_was_checked(
    monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    monkeypatch.setattr(compiled, "_TURN", 500)
    heard: list[tuple[int, int, str]] = []

    def enough(*what) -> None:
        heard.append(what)
        if what[0] > 100:
            raise ending

    [(_, track)] = of_history(crowd(2, ops=500, wrong=False), CAS_REGISTER)
    with listening(enough):
        decision = compiled.decide(track, CAS_REGISTER, Budget())
    assert decision is not None
    assert decision.outcome is Outcome.UNKNOWN
    assert decision.explained > 100
    assert decision.stopped in ("out of time", "interrupted")
    assert heard[-1][1:] == (decision.answers, "answers")
