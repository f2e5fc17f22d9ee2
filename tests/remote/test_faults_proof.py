"""Judging datagrams: on a network of numbers, in which any fault may fail to bite."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from harness.remote import faults_proof
from harness.remote.faults_proof import Network, Prober, Round
from nemesis.actions import CLEAR, Weather

NODES = (0, 1, 2)
BASE_US = 200
FORTH, BACK = (0, 1), (1, 0)


@dataclass
class World:
    """Agents whose network is a table: what is really cut and what the weather really is."""

    cut: set = field(default_factory=set)
    apart_ms: float = 0
    weather: dict = field(default_factory=dict)
    deaf: set = field(default_factory=set)
    unsendable: dict = field(default_factory=dict)
    random: Random = field(default_factory=lambda: Random(1))
    heard: dict = field(default_factory=dict)
    rounds: int = 0

    def __post_init__(self) -> None:
        self.links = {node: Linked(self, node) for node in NODES}

    def each(self, function):
        self.rounds += 1
        return {node: function(node) for node in NODES}

    def tell(self, _do, *, round):
        return {
            node: {"from": {str(src): counts for (src, dst), counts in self.heard.items() if dst == node}}
            for node in NODES
        }  # fmt: skip

    def pass_over(self, link) -> tuple[int, float]:
        """How often a datagram arrives, and after how many ms."""
        if link in self.cut or link[1] in self.deaf:
            return 0, 0.0
        weather = self.weather.get(link, CLEAR)
        if self.random.randrange(1000) < weather.loss_permille:
            return 0, 0.0
        jitter = self.random.uniform(-weather.jitter_ms, weather.jitter_ms)
        twice = self.random.randrange(1000) < weather.duplicate_permille
        return 1 + twice, self.apart_ms + weather.delay_ms + jitter


@dataclass
class Linked:
    world: World
    node: int

    def ask(self, do, *, round, to, count, **_):
        assert do == "probe"
        rtts: dict = {}
        errors = {}
        for dst in to:
            heard = {"count": 0, "distinct": 0, "overtaken": 0}
            self.world.heard[self.node, dst] = heard
            if (self.node, dst) in self.world.unsendable:
                errors[str(dst)] = self.world.unsendable[self.node, dst]
                continue
            for _ in range(count):
                copies, there_ms = self.world.pass_over((self.node, dst))
                heard["count"] += copies
                heard["distinct"] += copies > 0
                back, back_ms = self.world.pass_over((dst, self.node)) if copies else (0, 0.0)
                if back:
                    us = BASE_US + int(1000 * (there_ms + back_ms))
                    rtts.setdefault(str(dst), []).append(us)
        return {"sent": count, "rtt_us": rtts, "errors": errors}


@pytest.fixture
def prober(monkeypatch) -> Prober:
    monkeypatch.setattr(faults_proof, "PATIENCE_S", 0.02)
    made = Prober(World(), Network(NODES))
    assert made.measure_base() == []
    return made


def think(prober: Prober, *, cut=(), weather=None) -> None:
    """What the network is thought to be like."""
    prober.network.cut = set(cut)
    prober.network.weather = dict(weather or {})


# --- cuts -----------------------------------------------------------------------------------------


def test_the_base_names_the_links_that_are_silent() -> None:
    prober = Prober(World(cut={FORTH}), Network(NODES))
    assert sorted(prober.measure_base()) == [FORTH, BACK]


def test_a_cut_that_is_there_is_proven_in_one_round(prober) -> None:
    prober.agents.cut = {FORTH}
    think(prober, cut=[FORTH])
    rounds = prober.agents.rounds
    good, saw = prober.prove_links([FORTH, BACK])
    assert good == {FORTH: True, BACK: True}
    assert saw == {
        "sent": 3,
        "arrived": {"0>1": 0, "1>0": 3},
        "control": {"0": 6, "1": 3},
        "tries": 1,
    }
    assert prober.agents.rounds == rounds + 1


def test_a_cut_that_lets_one_datagram_pass_did_not_bite(prober) -> None:
    think(prober, cut=[FORTH])
    good, saw = prober.prove_links([FORTH])
    assert good == {FORTH: False}
    assert saw["arrived"] == {"0>1": 3}
    assert saw["tries"] > 1


def test_a_host_that_hears_nothing_at_all_proves_no_cut(prober) -> None:
    prober.agents.deaf = {1}
    think(prober, cut=[FORTH])
    good, saw = prober.prove_links([FORTH])
    assert good == {FORTH: False}
    assert saw["control"] == {"1": 0}


def test_where_all_links_are_cut_the_host_itself_is_the_control(prober) -> None:
    links = {(0, 1), (2, 1)}
    prober.agents.cut = set(links)
    think(prober, cut=links)
    good, saw = prober.prove_links(links)
    assert all(good.values())
    assert saw["control"] == {"1": 3}


def test_a_link_that_stays_cut_is_not_mended(prober) -> None:
    prober.agents.cut = {FORTH}
    good, _ = prober.prove_links([FORTH, BACK])
    assert good == {FORTH: False, BACK: True}


def test_datagrams_that_could_not_be_sent_prove_nothing(prober) -> None:
    prober.agents.unsendable = {FORTH: "Network is unreachable"}
    think(prober, cut=[FORTH])
    good, saw = prober.prove_links([FORTH])
    assert good == {FORTH: False}
    assert saw["errors"] == {"0>1": "Network is unreachable"}


def test_links_that_lose_datagrams_are_open_and_are_sent_more(prober) -> None:
    weather = {link: Weather(loss_permille=500) for link in prober.network.links}
    prober.agents.weather = weather
    think(prober, weather=weather)
    good, saw = prober.prove_links(prober.network.links)
    assert all(good.values())
    assert saw["sent"] == 12


# --- weather --------------------------------------------------------------------------------------

WEATHERS = [
    Weather(delay_ms=20),
    Weather(delay_ms=50, jitter_ms=40),
    Weather(delay_ms=50, jitter_ms=50),
    Weather(loss_permille=50),
    Weather(loss_permille=300),
    Weather(duplicate_permille=100),
    Weather(delay_ms=100, jitter_ms=20, loss_permille=100),
]


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("links", [[FORTH], [FORTH, BACK]], ids=["one way", "both ways"])
def test_weather_that_is_there_is_proven(prober, weather, links) -> None:
    prober.agents.weather = dict.fromkeys(links, weather)
    think(prober, weather=dict.fromkeys(links, weather))
    bit, saw = prober.prove_weather(links, weather)
    assert bit, saw


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("links", [[FORTH], [FORTH, BACK]], ids=["one way", "both ways"])
def test_weather_that_is_not_there_did_not_bite(prober, weather, links) -> None:
    think(prober, weather=dict.fromkeys(links, weather))
    bit, saw = prober.prove_weather(links, weather)
    assert not bit
    assert "0>1" in saw["problems"]


@pytest.mark.parametrize("weather", WEATHERS)
def test_weather_that_stays_is_not_cleared(prober, weather) -> None:
    prober.agents.weather = dict.fromkeys([FORTH, BACK], weather)
    bit, _ = prober.prove_weather([FORTH, BACK], CLEAR)
    assert not bit


def test_half_of_a_delay_is_not_enough_and_ten_times_is_too_much(prober) -> None:
    wanted = Weather(delay_ms=40)
    think(prober, weather={FORTH: wanted})
    for delay_ms, right in ((20, False), (40, True), (400, False)):
        prober.agents.weather = {FORTH: Weather(delay_ms=delay_ms)}
        assert prober.prove_weather([FORTH], wanted)[0] is right


def test_clear_sky_is_proven_beside_weather_that_is_meant_to_stay(prober) -> None:
    """The round trip has the way back in it: its delay belongs there, and no more of it."""
    staying = {BACK: Weather(delay_ms=50)}
    prober.agents.weather = dict(staying)
    think(prober, weather=staying)
    bit, saw = prober.prove_weather([FORTH], CLEAR)
    assert bit
    assert saw["links"]["0>1"]["rtt_rise_ms"]["min"] == 50
    prober.agents.weather[FORTH] = Weather(delay_ms=20)
    assert not prober.prove_weather([FORTH], CLEAR)[0]


def test_under_a_cut_weather_is_hidden(prober) -> None:
    think(prober, cut=[BACK], weather={FORTH: Weather(delay_ms=50)})
    bit, saw = prober.prove_weather([FORTH], Weather(delay_ms=50))
    assert bit
    assert saw["hidden by a cut"] == ["0>1"]
    assert saw["sent"] == 0


def test_rounds_add_up() -> None:
    one = Round(sent=2, heard={FORTH: {"count": 2}}, rtt_us={FORTH: [5]}, errors={})
    two = Round(sent=3, heard={FORTH: {"count": 1}, BACK: {"count": 1}}, rtt_us={BACK: [6]}, errors={BACK: "e"})  # fmt: skip
    assert one.add(two) == Round(
        sent=5,
        heard={FORTH: {"count": 3}, BACK: {"count": 1}},
        rtt_us={FORTH: [5], BACK: [6]},
        errors={BACK: "e"},
    )
    assert one.arrived(FORTH) == 0


# --- distances ------------------------------------------------------------------------------------


@pytest.fixture
def far(prober) -> Prober:
    """All links are 40 ms apart each way, and thought to be."""
    prober.network.apart_us = dict.fromkeys(prober.network.links, 40_000)
    prober.agents.apart_ms = 40
    return prober


@pytest.mark.parametrize("weather", [*WEATHERS, CLEAR])
def test_weather_over_a_distance_is_proven_by_both_together(far, weather) -> None:
    links = far.network.links
    far.agents.weather = dict.fromkeys(links, weather)
    if weather != CLEAR:
        think(far, weather=far.agents.weather)
    bit, saw = far.prove_weather(links, weather)
    assert bit, saw


@pytest.mark.parametrize("delayed", [WEATHERS[0], WEATHERS[1], WEATHERS[2], CLEAR])
def test_a_distance_that_is_gone_under_the_weather_is_seen(far, delayed, monkeypatch) -> None:
    """Red: healing took the distance too, or the delay replaced it."""
    # Here a round takes no time: in a second there are so many that one looks as if it were there.
    monkeypatch.setattr("harness.remote.faults_proof.PATIENCE_S", 0)
    far.agents.apart_ms = 0
    far.agents.weather = dict.fromkeys(far.network.links, delayed)
    if delayed != CLEAR:
        think(far, weather=far.agents.weather)
    assert not far.prove_weather([FORTH], delayed)[0]


def test_a_distance_alone_is_no_delay(far) -> None:
    think(far, weather={FORTH: Weather(delay_ms=60)})
    assert not far.prove_weather([FORTH], Weather(delay_ms=60))[0]
    think(far, weather={FORTH: Weather(delay_ms=50, jitter_ms=50)})
    assert not far.prove_weather([FORTH], Weather(delay_ms=50, jitter_ms=50))[0]
