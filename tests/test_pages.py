"""The commands that the README and the pages show are commands that there are, with options that they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SHOWN = re.compile(
    r"(?:^ *(?:- run: |\$ )?|[`\"])(?:scripts/)?harness ([a-z]+)\b([^\n`]*)", re.MULTILINE
)
OPTION = re.compile(r"(?<=\s)(--[a-z][a-z-]*|-[A-Za-z])\b")


def shown(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command that a page shows: its verb, and its options up to a comment, a quote or another command."""
    for verb, rest in SHOWN.findall(re.sub(r"\\\n\s*", " ", text)):
        yield verb, OPTION.findall(re.split(r"\s{3,}|\s#|[;|'\"]|\s--\s", rest)[0])


def unknown(text: str) -> list[str]:
    """What a page shows and nobody could type."""
    context = click.Context(cli)
    wrong: list[str] = []
    for verb, options in shown(text):
        if verb not in cli.list_commands(context):
            wrong.append(verb)
            continue
        command = cli.get_command(context, verb)
        assert command is not None
        known = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)}
        wrong += [f"{verb} {option}" for option in options if option not in known | {"--help"}]
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_can_be_typed(page: Path) -> None:
    assert not unknown(page.read_text(encoding="utf-8"))


def test_there_is_something_to_see() -> None:
    assert sum(1 for page in PAGES for _ in shown(page.read_text(encoding="utf-8"))) > 300


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("harness sim --seeds 3 -p abd    # --what", []),
        ("    harness sym --seeds 3", ["sym"]),
        ("`harness check a.edn --modle kv`", ["check --modle"]),
        ("scripts/harness test \\\n  --tiem 3", ["test --tiem"]),
    ],
)
def test_what_cannot_be_typed_is_seen(text: str, wrong: list[str]) -> None:
    assert unknown(text) == wrong
