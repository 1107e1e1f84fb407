"""What a voice note or a picture is by its first bytes, and how long a voice note lasts. Pure.

Ogg: RFC 3533, RFC 7845; WAVE: RFC 2361; MP4: ISO 14496-12, 8.2.2. What isn't known to be one of these is none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

OPUS_RATE = 48_000  # Opus counts at this rate, whatever it was recorded at
NO_POSITION = 2**64 - 1
# a second of speech takes at least the one (16 kbit/s); where no length is told, the other (64 kbit/s) is taken for the most
LEAST_BYTES, MOST_BYTES = 2_000, 8_000


@dataclass(frozen=True, slots=True)
class Kind:
    """family: "audio" or "image"; extension: by which OpenAI's servers know the format."""

    family: str
    extension: str
    media_type: str


OGG = Kind("audio", "ogg", "audio/ogg")
WAV = Kind("audio", "wav", "audio/wav")
MP4 = Kind("audio", "m4a", "audio/mp4")
WEBM = Kind("audio", "webm", "audio/webm")
MP3 = Kind("audio", "mp3", "audio/mpeg")
FLAC = Kind("audio", "flac", "audio/flac")
STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"OggS", OGG),
    (b"\x1aE\xdf\xa3", WEBM),
    (b"ID3", MP3),
    (b"fLaC", FLAC),
    (b"\x89PNG\r\n\x1a\n", Kind("image", "png", "image/png")),
    (b"\xff\xd8\xff", Kind("image", "jpg", "image/jpeg")),
    (b"GIF87a", Kind("image", "gif", "image/gif")),
    (b"GIF89a", Kind("image", "gif", "image/gif")),
)
RIFF = {b"WAVE": WAV, b"WEBP": Kind("image", "webp", "image/webp")}
# pictures (HEIC, AVIF) and raw films share MP4's box
PICTURE_BRANDS = {b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"}


def sniff(body: bytes) -> Kind | None:
    """What the models read: Ogg, WAVE, MP4, WebM, MP3, FLAC; JPEG, PNG, GIF, WebP."""
    for start, kind in STARTS:
        if body.startswith(start):
            return kind
    if body[:4] == b"RIFF":
        return RIFF.get(body[8:12])
    if body[4:8] == b"ftyp":
        return None if body[8:12] in PICTURE_BRANDS else MP4
    is_frame = len(body) > 2 and body[0] == 0xFF and body[1] & 0xE0 == 0xE0
    # layer III; ADTS (AAC without a container) has layer 0 and no model reads it
    return MP3 if is_frame and body[1] & 0x06 == 0x02 else None


def measure_seconds(body: bytes, kind: Kind) -> float | None:
    """How long it lasts by its own account; None where that isn't told."""
    try:
        if kind is OGG:
            return _measure_ogg(body)
        if kind is WAV:
            rate = struct.unpack_from("<I", body, 28)[0]
            return len(body) / rate if rate else None
        return _measure_mp4(body) if kind is MP4 else None
    except struct.error:
        return None


def estimate_seconds(body: bytes, seconds: float | None) -> float:
    """For how long it may have to be paid: what a file says of itself (seconds) is its sender's word, its size isn't."""
    return max(seconds or 0.0, len(body) / LEAST_BYTES)


def is_too_long(body: bytes, seconds: float | None, max_s: float) -> bool:
    return len(body) > max_s * MOST_BYTES if seconds is None else seconds > max_s


def _measure_ogg(body: bytes) -> float | None:
    """Of Opus only, which every messenger takes. The last page says how many samples there were."""
    last = body.rfind(b"OggS")
    if b"OpusHead" not in body[:512] or last < 0:
        return None
    position = struct.unpack_from("<Q", body, last + 6)[0]
    return None if position == NO_POSITION else position / OPUS_RATE


def _measure_mp4(body: bytes) -> float | None:
    at = body.find(b"mvhd")
    if at < 0 or len(body) < at + 24:
        return None
    scale, length = struct.unpack_from(">IQ", body, at + 24) if body[at + 4] else struct.unpack_from(">II", body, at + 16)
    return length / scale if scale else None
