"""What the accounts' table takes from Flask-Security, which is loaded here first, and without the passkeys' library.

It would load that wherever it is installed: 8 MB in every process, for views of its own that we don't use.
"""

from __future__ import annotations

import sys

sys.modules["webauthn"] = None  # type: ignore[assignment]  # what an absent one looks like
from flask_security import AsaList, UserMixin  # noqa: E402

del sys.modules["webauthn"]
__all__ = ["AsaList", "UserMixin"]
