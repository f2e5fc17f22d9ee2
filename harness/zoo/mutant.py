"""An entry of the zoo: a broken protocol, where it is hunted, and who is expected to see it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.tables import nearest
from harness.trial import Trial

HERE = "tests.mutants.zoo:ZOO"
"""The zoo of this project. Mutants are tests: they are not installed with the harness."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A protocol with a known bug.

    ``trial`` is the configuration that it is hunted in, whose ``protocol`` is the mutant itself;
    ``twin`` names the protocol that it is a mutant of; ``check`` is the check that must object (what
    others say is recorded, but finds nothing: a check that goes blind must not hide behind another).
    A hunt is given up after ``trials`` trials. ``costly_s``: CPU seconds that a hunt takes, measured,
    where these are too many for every run of the tests. ``large``: why what is found does not become as
    small as others do (``harness.shrink.size``), in a sentence, where it does not.
    """

    name: str
    trial: Trial
    twin: str
    check: str
    trials: int
    costly_s: float | None = None
    large: str = ""

    @property
    def source(self) -> str:
        """What is wrong, and where such a thing was seen: the first paragraph of its docstring."""
        paragraph = (self.trial.replica().__doc__ or "").strip().split("\n\n")[0]
        return " ".join(paragraph.split())


def load(place: str = HERE) -> tuple[Mutant, ...]:
    """The zoo at ``place``, an import string. Raises UsageError if there is none."""
    try:
        found = pkgutil.resolve_name(place)
    except (ImportError, AttributeError, ValueError) as error:
        hint = ""
        if place == HERE:
            hint = ": mutants are kept with the tests; type this in a checkout of the project"
        raise UsageError(f"there is no zoo at {place} ({error}){hint}") from error
    if not isinstance(found, tuple) or not all(isinstance(m, Mutant) for m in found):
        raise UsageError(f"{place} is not a tuple of harness.zoo.Mutant: {type(found).__name__}")
    return found


def elusive(place: str = HERE) -> Mapping[str, str]:
    """The mutants that the zoo at ``place`` does not find within reason, and why: ``ELUSIVE`` beside it, if it is there."""
    found = getattr(pkgutil.resolve_name(place.partition(":")[0]), "ELUSIVE", {})
    assert isinstance(found, Mapping), found
    return found


def select(zoo: Sequence[Mutant], names: Sequence[str]) -> tuple[Mutant, ...]:
    """The mutants of these names, or of these protocols; all for no names, in the zoo's order.

    Raises UsageError, with the near match, for a name that there is not.
    """
    known: Mapping[str, Mutant] = {mutant.name: mutant for mutant in zoo}
    chosen = {name for given in names for name in _meant(given, known)}
    return tuple(mutant for mutant in zoo if mutant.name in chosen or not names)


def _meant(given: str, known: Mapping[str, Mutant]) -> Iterator[str]:
    found = [name for name in known if name == given or name.startswith(given.rstrip("/") + "/")]
    if not found:
        raise UsageError(f"no mutant is called {given!r}{nearest(given, known)}")
    yield from found
