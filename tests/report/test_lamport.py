"""The Lamport diagram: XML that holds what it should, where it should, and no label on another."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

from harness.report import lamport
from harness.report.lamport import draw
from harness.trial import Trial
from tests.report.conversations import STALE, talk

SVG = "{http://www.w3.org/2000/svg}"


def parse(conversation):
    root = ET.fromstring(draw(conversation))
    assert root.tag == f"{SVG}svg"
    return root


def of_class(root, tag, name):
    return [e for e in root.iter(SVG + tag) if name in e.get("class", "").split()]


def words(root):
    return [e.text for e in root.iter(SVG + "text")]


def test_it_has_a_line_for_each_node_and_client_and_an_arrow_for_each_message():
    conversation = talk()
    root = parse(conversation)
    kinds = [m.kind for m in conversation.moments]

    assert {"n1", "n2", "n3", "client 0", "client 1", "client 2"} <= set(words(root))
    assert len(of_class(root, "line", "lane")) == 6
    lost = kinds.count("cut") + kinds.count("lost") + kinds.count("to dead")
    legend = 2  # a message that arrives, and one that does not
    assert lost
    assert len(of_class(root, "line", "message")) == kinds.count("message") + lost + legend
    assert len(of_class(root, "line", "lost")) == lost + 1


def test_arrows_go_down_from_sender_to_receiver():
    for line in of_class(parse(talk()), "line", "message")[:-2]:
        assert float(line.get("y2")) > float(line.get("y1"))
        assert line.get("x1") != line.get("x2")


def test_faults_are_bands_and_nodes_that_are_down_are_shaded():
    root = parse(talk())

    assert len(of_class(root, "rect", "fault")) == 2 + 1
    assert len(of_class(root, "rect", "down")) == 1 + 1
    assert any("kill-one begins: kill n3" in text for text in words(root))


def test_the_evidence_stands_out_with_its_values():
    root = parse(talk(trial=replace(STALE, nodes=1, threads=1)))
    bad = [e.text for e in of_class(root, "text", "bad")]

    assert "write r0 1" in bad
    assert "ok: read r0 = nothing" in bad
    assert len(of_class(root, "rect", "evident")) == 2 + 1
    assert any(text.startswith("not linearizable") for text in bad)


def test_rows_lie_apart():
    times = [float(e.get("y")) for e in of_class(parse(talk()), "text", "time")]

    assert times == sorted(times)
    assert min(b - a for a, b in pairwise(times)) >= lamport.ROW


def test_labels_stay_within_the_picture():
    root = parse(talk())
    width = float(root.get("width"))
    for text in root.iter(SVG + "text"):
        if text.get("text-anchor") == "start":
            assert float(text.get("x")) + len(text.text) * lamport.CHAR <= width + lamport.CHAR


def test_a_long_run_is_cut_and_says_so():
    trial = Trial(protocol="abd", nodes=3, threads=6, time_ms=2_000, rate=200, seed="1")
    conversation = talk(trial=trial)
    root = parse(conversation)

    assert len(conversation.moments) > 1000
    assert len(of_class(root, "text", "time")) == lamport.MOST_ROWS
    assert any("events before and" in text and "left out" in text for text in words(root))


def test_what_is_written_is_escaped():
    conversation = replace(talk(), summary="<script>&\"'")

    assert "<script>&\"'" in words(parse(conversation))
