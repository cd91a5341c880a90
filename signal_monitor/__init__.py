"""See what Django's signals do: every dispatch, every receiver, how long each one took, what failed."""

from .instrumentation import suppress, uninstrument
from .pipeline import instrument

__version__ = "0.1.0"
__all__ = ["__version__", "instrument", "suppress", "uninstrument"]
