"""Observe every call of ``Signal.send``, ``send_robust``, ``asend`` and ``asend_robust``.

The hot path: it imports the standard library, ``django.dispatch`` and our leaves, and nothing else.
"""

from .current import suppress
from .install import instrument, is_instrumented, uninstrument

__all__ = ["instrument", "is_instrumented", "suppress", "uninstrument"]
