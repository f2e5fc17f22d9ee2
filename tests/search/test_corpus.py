"""The corpus: what is new is kept, and whatever is made of it can be played."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from harness.commands.shrink import parsed
from harness.search.corpus import MOST, Corpus
from harness.search.swarm import swarmed
from harness.trial import Trial
from nemesis.plan import validate

BASE = Trial(protocol="abd", time_ms=2_000)


def test_only_what_is_new_is_kept():
    corpus = Corpus()
    assert [corpus.learn(BASE, {1, 2}), corpus.learn(BASE, {2}), corpus.learn(BASE, {2, 3})] == [
        2,
        0,
        1,
    ]
    assert [entry.found for entry in corpus.entries] == [2, 1]


def test_energy_goes_to_what_found_much_and_was_drawn_little():
    corpus = Corpus()
    corpus.learn(replace(BASE, seed="poor"), {1})
    corpus.learn(replace(BASE, seed="rich"), set(range(2, 60)))
    random = Random(1)
    assert [corpus.pick(random).seed for _ in range(10)].count("rich") >= 8


def test_it_is_bounded():
    corpus = Corpus()
    for number in range(MOST + 20):
        corpus.learn(BASE, {number})
    assert len(corpus.entries) == MOST


def test_offspring_are_trials_that_can_be_played_again_by_their_command():
    corpus, random = Corpus(), Random(5)
    for seed in range(8):
        corpus.learn(swarmed(replace(BASE, seed=str(seed))), {seed})
    for number in range(60):
        child = corpus.offspring(random, f"child.{number}")
        validate(child.windows(), range(child.nodes))
        assert parsed(child.command("sim")) == child
