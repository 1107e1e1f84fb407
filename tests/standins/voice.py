"""Files that customers send, small and made here: a voice note of any length, a picture."""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def make_ogg(seconds: float = 2.0) -> bytes:
    """The two pages of Opus that say what it is and how long it lasts."""
    first = b"OggS\x00\x02" + struct.pack("<Q", 0) + bytes(12) + b"\x01\x13OpusHead" + bytes(11)
    return first + bytes(400) + b"OggS\x00\x04" + struct.pack("<Q", int(seconds * 48_000)) + bytes(40)
