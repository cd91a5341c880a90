"""Run a Python program that ends with the process that has started it, even if that is killed.

``python -m demo.home.guarded PROGRAM [ARGUMENT...]``, where the program is ``-m MODULE`` or a file. Standard input is a
pipe from the parent process, which nobody writes to: it is closed when the parent has ended.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 3.0


def end_with_parent() -> None:
    """Wait for the end of the parent, then end this process and its child processes."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run the program in this process."""
    threading.Thread(target=end_with_parent, name="ends-with-parent", daemon=True).start()
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as Python itself does
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
