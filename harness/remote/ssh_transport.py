"""paramiko's transport, without a race that breaks connections which many threads use.

paramiko builds a message under the channel's lock and sends it after having released that. Meanwhile its own
thread may answer the server's CLOSE of that channel; then our message (the end of stdin, or data) arrives
after our CLOSE, and OpenSSH ends the whole connection: "ieof packet referred to nonexistent channel". Forty
threads with one command each met this in every third run.
"""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
)

_OF_A_CHANNEL = {
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
}


class OrderlyTransport(paramiko.Transport):
    """Drops what would be sent for a channel after its CLOSE (RFC 4254, section 5.3)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closed_channels: set[int] = set()
        """The server's numbers of channels whose CLOSE was sent, until it gives them out again."""

    def open_channel(self, *args: Any, **kwargs: Any) -> paramiko.Channel:
        channel = super().open_channel(*args, **kwargs)
        self._closed_channels.discard(channel.remote_chanid)
        return channel

    def _send_message(self, data: paramiko.Message) -> None:
        """Called for one message at a time: paramiko holds clear_to_send_lock."""
        packet = data.asbytes()
        if packet[0] in _OF_A_CHANNEL:
            channel = int.from_bytes(packet[1:5])
            if channel in self._closed_channels:
                return
            if packet[0] == MSG_CHANNEL_CLOSE:
                self._closed_channels.add(channel)
        super()._send_message(data)  # type: ignore[misc]
