"""No message for a channel after its close."""

from __future__ import annotations

import socket

import paramiko
import pytest
from paramiko.common import (
    cMSG_CHANNEL_CLOSE,
    cMSG_CHANNEL_DATA,
    cMSG_CHANNEL_EOF,
    cMSG_GLOBAL_REQUEST,
)

from harness.remote.ssh_transport import OrderlyTransport


@pytest.fixture
def sent(monkeypatch):
    """A transport that is never started; what it would send, by type and channel."""
    messages = []
    monkeypatch.setattr(
        paramiko.Transport, "_send_message", lambda _, data: messages.append(data.asbytes()[:5])
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield OrderlyTransport(ours), messages


def message(kind: bytes, channel: int) -> paramiko.Message:
    built = paramiko.Message()
    built.add_byte(kind)
    built.add_int(channel)
    return built


def test_what_comes_after_a_close_is_dropped(sent):
    transport, messages = sent
    order = [
        (cMSG_CHANNEL_DATA, 7), (cMSG_CHANNEL_CLOSE, 7),
        (cMSG_CHANNEL_EOF, 7), (cMSG_CHANNEL_DATA, 7), (cMSG_CHANNEL_CLOSE, 7),
        (cMSG_CHANNEL_EOF, 8), (cMSG_GLOBAL_REQUEST, 7),
    ]  # fmt: skip
    for each in order:
        transport._send_message(message(*each))
    passed = [order[0], order[1], order[5], order[6]]
    assert messages == [message(*each).asbytes() for each in passed]


def test_a_number_that_is_given_out_again_may_send(sent, monkeypatch):
    transport, messages = sent
    transport._send_message(message(cMSG_CHANNEL_CLOSE, 7))
    channel = paramiko.Channel(0)
    channel.remote_chanid = 7
    monkeypatch.setattr(paramiko.Transport, "open_channel", lambda *_, **__: channel)
    transport.open_channel("session")
    transport._send_message(message(cMSG_CHANNEL_DATA, 7))
    assert len(messages) == 2
