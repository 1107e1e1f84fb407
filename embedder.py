"""Where the local embedder starts: `python embedder.py --listen var/embedder.sock`.

chatbot/__init__.py is the whole web application, which this small process does without: the package is named here, not loaded.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

spec = find_spec("chatbot")
if spec is None or spec.submodule_search_locations is None:
    raise SystemExit("embedder.py: the package chatbot is missing beside it, and isn't installed")
package = ModuleType("chatbot")
package.__path__ = list(spec.submodule_search_locations)
sys.modules["chatbot"] = package

from chatbot.embedder.start import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
