"""Each distribution against its law, over the whole of its bounds; and what is no distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import erf, exp, sqrt
from random import Random

import pytest
from scipy.stats import chisquare

from workloads.distributions import HOW, Space, parse

DRAWS = 20_000
FIVE = tuple(thread % 5 for thread in range(10))
"""Ten clients at five sites."""

Law = Callable[[int], float]


def drawn(
    text: str,
    *,
    keys: int,
    sites: tuple[int, ...] = FIVE,
    threads: tuple[int, ...] = (0,),
    seed: int = 1,
    now_ns: int = 0,
    first: int = 0,
) -> Counter[int]:
    """What these threads draw, in turn."""
    picker, random = parse(text, Space(keys, sites, first)), Random(seed)
    return Counter(picker.pick(random, now_ns, threads[i % len(threads)]) for i in range(DRAWS))


def fits(counts: Counter[int], law: Law, keys: int) -> float:
    """How likely so great a distance from the law is; keys that are too rare to count are one."""
    total = sum(law(key) for key in range(keys))
    expected = [DRAWS * law(key) / total for key in range(keys)]
    common = [key for key in range(keys) if expected[key] >= 5]
    seen = [counts[key] for key in common]
    wanted = [expected[key] for key in common]
    if DRAWS - sum(wanted) >= 5:
        seen.append(DRAWS - sum(seen))
        wanted.append(DRAWS - sum(wanted))
    scale = sum(seen) / sum(wanted)
    return float(chisquare(seen, [w * scale for w in wanted]).pvalue)


def bell(mean: float, sigma: float, keys: int) -> Law:
    """The normal law to the nearest key, going round."""

    def below(x: float) -> float:
        return (1 + erf((x - mean) / (sigma * sqrt(2)))) / 2

    def law(key: int) -> float:
        turns = range(-3, 4)
        return sum(below(key + keys * n + 0.5) - below(key + keys * n - 0.5) for n in turns)

    return law


LAWS: list[tuple[str, int, Law]] = [
    ("uniform", 100, lambda _: 1.0),
    ("order", 100, lambda _: 1.0),
    ("zipfian:1.2,1", 100, lambda key: (1 + key) ** -1.2),
    ("zipfian:2,10", 50, lambda key: (10 + key) ** -2.0),
    ("zipfian:0,1", 50, lambda _: 1.0),
    ("exponential:0.05", 60, lambda key: exp(-0.05 * key)),
    ("exponential:2", 60, lambda key: exp(-2.0 * key)),
    ("exponential:0", 60, lambda _: 1.0),
    ("normal:50,8", 100, bell(50, 8, 100)),
    ("normal:2,8", 100, bell(2, 8, 100)),
    ("normal:99,30", 100, bell(99, 30, 100)),
]


@pytest.mark.parametrize(("text", "keys", "law"), LAWS, ids=[text for text, _, _ in LAWS])
def test_each_key_comes_as_often_as_the_law_says_and_none_beyond_the_bounds(
    text: str, keys: int, law: Law
) -> None:
    counts = drawn(text, keys=keys)
    assert 0 <= min(counts) <= max(counts) < keys
    assert fits(counts, law, keys) > 0.001


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("zipfian:1.2,1", lambda key: (1 + key) ** -1.3),
        ("exponential:0.05", lambda key: exp(-0.056 * key)),
        ("normal:50,8", bell(50.5, 8, 100)),
        ("uniform", lambda key: 1.0 if key < 99 else 0.5),
    ],
)
def test_another_law_is_told_from_it(text: str, wrong: Law) -> None:
    assert fits(drawn(text, keys=100), wrong, 100) < 0.001


@pytest.mark.parametrize(
    "text", ["zipfian:1.01,1", "exponential:0.0001", "normal:0,1000", "uniform"]
)
@pytest.mark.parametrize("keys", [1, 2, 7])
def test_a_law_far_wider_than_the_keys_stays_within_them(text: str, keys: int) -> None:
    """Paxi's zipf and exponential do not: they draw keys that there are not."""
    counts = drawn(text, keys=keys)
    assert set(counts) == set(range(keys))


@pytest.mark.parametrize("text", [law[0] for law in LAWS])
def test_the_same_seed_draws_the_same_keys(text: str) -> None:
    assert drawn(text, keys=100, seed=5) == drawn(text, keys=100, seed=5)


def test_order_takes_each_key_in_turn() -> None:
    picker = parse("order", Space(3, (0,)))
    assert [picker.pick(Random(0), 0, 0) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("percent", [0, 2, 50, 100])
def test_so_many_percent_conflict_and_the_others_meet_nobody(percent: int) -> None:
    of_each = [
        drawn(f"conflict:{percent}", keys=40, threads=(thread,), seed=thread)
        for thread in range(10)
    ]
    shares = [counts[0] / DRAWS for counts in of_each]
    assert all(abs(share - percent / 100) < 0.015 for share in shares)
    others = [set(counts) - {0} for counts in of_each]
    assert all(a.isdisjoint(b) for i, a in enumerate(others) for b in others[:i])


def test_clients_beyond_the_keys_share_some_and_a_single_key_is_everyones() -> None:
    assert max(drawn("conflict:0", keys=4, threads=tuple(range(10)))) == 3
    assert set(drawn("conflict:0", keys=1, threads=tuple(range(10)))) == {0}


@pytest.mark.parametrize("percent", [0, 70, 90, 100])
def test_so_many_percent_are_of_the_own_sites_keys(percent: int) -> None:
    for thread in (0, 3, 9):
        counts = drawn(f"locality:{percent}", keys=53, threads=(thread,), seed=thread)
        site = FIVE[thread]
        own = range(53 * site // 5, 53 * (site + 1) // 5)
        share = sum(counts[key] for key in own) / DRAWS
        assert abs(share - percent / 100) < 0.015
        rest = 1 - percent / 100

        def law(key: int, own: range = own, rest: float = rest) -> float:
            return (1 - rest) / len(own) if key in own else rest / (53 - len(own))

        assert fits(counts, law, 53) > 0.001


def test_the_mean_moves_by_so_many_keys_in_so_many_ms_and_goes_round() -> None:
    def mode(now_ms: int) -> int:
        text = "normal:10,2,move=3,speed=500"
        return drawn(text, keys=100, now_ns=now_ms * 1_000_000).most_common(1)[0][0]

    assert [mode(ms) for ms in (0, 499, 500, 1000, 15_000)] == [10, 10, 13, 16, 0]


def test_a_mean_may_be_the_middle_of_the_sites_own_keys() -> None:
    middles = [
        drawn("normal:zone,3", keys=100, threads=(thread,)).most_common(1)[0][0]
        for thread in range(5)
    ]
    assert all(abs(key - (20 * site + 9.5)) <= 2 for site, key in enumerate(middles))


def test_a_mean_is_a_keys_number_wherever_numbers_begin() -> None:
    assert drawn("normal:205,1", keys=10, first=200).most_common(1)[0][0] == 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("zipfan:1,1", "there is no distribution 'zipfan'"),
        ("normal:5", "there is no sigma: write normal:MEAN,SIGMA"),
        ("normal:500,1", "mean is from 0 to 99, not 500"),
        ("normal:5,-1", "sigma is 0 or more"),
        ("normal:5,1,move=2", "it moves by move=KEYS every speed=MS"),
        ("normal:5,1,speed=fast", "speed 'fast' is not a whole number"),
        ("normal:5,1,pace=2", "write normal:MEAN,SIGMA"),
        ("zipfian:nan,1", "s is 0 or more, not nan"),
        ("zipfian:1,0.5", "v is 1 or more"),
        ("conflict:101", "percentage is from 0 to 100"),
        ("conflict:lots", "percentage 'lots' is not a number"),
        ("uniform:3", "write uniform"),
        ("exponential:1,move=2", "write exponential:LAMBDA"),
    ],
)
def test_what_is_no_distribution_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as told:
        parse(text, Space(100, FIVE))
    assert sentence in str(told.value)


def test_a_locality_needs_a_key_for_each_site() -> None:
    with pytest.raises(ValueError, match="too few"):
        parse("locality:70", Space(4, FIVE))


def test_each_name_is_explained() -> None:
    numbers = {
        "conflict": ":1",
        "locality": ":1",
        "normal": ":1,1",
        "zipfian": ":1,1",
        "exponential": ":1",
    }
    for name in HOW:
        assert parse(name + numbers.get(name, ""), Space(10, FIVE))
