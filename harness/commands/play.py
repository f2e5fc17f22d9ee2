"""``harness play``: a simulated cluster on a page, event by event, with faults and ops by mouse."""

from __future__ import annotations

import re
import webbrowser
from typing import Any

import click
from click.core import ParameterSource

from harness.commands import shared
from harness.commands.options import load_options, simulated_options, simulated_trial
from harness.errors import CapabilityError, UsageError
from harness.play.server import Playground, Server
from harness.play.session import Session
from harness.replay import load_simulated
from harness.report.progress import to_stdout
from harness.trial import Trial

BY_HAND = "[]"
"""The ops of a trial in which clients ask for what people click."""
OF_PLAYING = {"run", "at_text", "port", "opens", "store"}


@click.command("play")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--protocol", "-p", help="What to play with: see `harness list`.")
@click.option(
    "--clients", "by_themselves", is_flag=True, help="Let the workload's clients ask, too."
)
@load_options
@simulated_options
@click.option("--at", "at_text", metavar="EVENT|MS", help="Where to begin: event 417, or 12.5ms.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any that is free")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@shared.store
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Watch a simulated cluster on a page, event by event; break it, ask it, go back.

    Nothing is asked of the cluster but what you click (or --ops, or --clients). What you did can be
    saved as a run: from then on it is replayed, shrunk and reported as any other. Give a RUN to look
    at one that was simulated before. Ctrl-C ends it.

    \b
    Examples:
      harness play --protocol multipaxos --open
      harness play --protocol tests.mutants.abd:NoTieBreak --nodes 3 --clients --seed 1
      harness play latest
      harness play store/abd-register/20261121T101500Z --at 417
    """
    trial = trial_of(ctx, given)
    session = Session(trial, by_hand=given["run"] is None and trial.ops == BY_HAND)
    start = step_at(session, given["at_text"])
    try:
        server = Server(Playground(session, given["store"], start), given["port"])
    except OSError as error:
        raise CapabilityError(f"cannot serve on port {given['port']}: {error.strerror}") from error
    to_stdout(
        f"{trial.protocol}, {trial.workload}, {trial.nodes} nodes, seed {trial.seed}: {server.url}"
    )
    click.echo("harness: Ctrl-C ends it", err=True)
    if given["opens"]:
        webbrowser.open(server.url)
    with server:
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            click.echo("harness: ended", err=True)


def trial_of(ctx: click.Context, given: dict[str, Any]) -> Trial:
    """The trial to be played: of a stored run, or of the options. Raises UsageError."""
    said = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if given["run"] is not None:
        if other := sorted(said - OF_PLAYING):
            flags = {param.name: param.opts[0] for param in ctx.command.params}
            raise UsageError(f"{flags[other[0]]}: a stored run has its own trial")
        return load_simulated(given["run"], root=given["store"]).trial
    if given["protocol"] is None:
        raise UsageError("what to play: --protocol NAME (see `harness list`), or a stored RUN")
    if "workload" not in said:
        given["workload"] = richest(given["protocol"])
    if given["ops"] is None and not given["by_themselves"]:
        given["ops"] = BY_HAND
    return simulated_trial(given)


def richest(protocol: str) -> str:
    """Where nothing is said: a register with cas, if the protocol offers that."""
    offered = Trial(protocol=protocol).replica().commands
    return "cas" if offered is None or "cas" in offered else "register"


def step_at(session: Session, text: str | None) -> int:
    """The step that ``--at`` means. Raises UsageError for what is no event and no time.

    >>> from harness.trial import Trial
    >>> step_at(Session(Trial(protocol="abd", ops="[]")), "12,5ms")
    Traceback (most recent call last):
    harness.errors.UsageError: --at '12,5ms': write 417 for event 417, or 12.5ms or 1.2s for a time
    """
    if text is None:
        return 0
    if text.isascii() and text.isdigit():
        return session.timeline.moment(int(text)).step
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    if match is None:
        raise UsageError(f"--at {text!r}: write 417 for event 417, or 12.5ms or 1.2s for a time")
    ns = round(float(match[1]) * (1e6 if match[2] == "ms" else 1e9))
    return session.timeline.at(ns).step
