"""``signals mcp``: a server for coding agents."""

from __future__ import annotations

from signal_monitor.cli.base import OK, Options, Subcommand, failure
from signal_monitor.cli.output import Output

NOT_INSTALLED = (
    "The MCP server needs the package `mcp`, version 2 or newer ({error}). "
    "Install it with the extra: pip install 'django-signal-monitor[mcp]'"
)


class Mcp(Subcommand):
    """Answers coding agents on standard input and output; nothing can be changed through it."""

    name = "mcp"
    help = "Serve findings, receivers and timelines to coding agents, read-only, on standard input and output."
    formats = ()
    examples = ("mcp",)

    def handle(self, options: Options, out: Output) -> int:
        from signal_monitor import mcp

        try:
            mcp.serve()
        except ImportError as error:
            raise failure(NOT_INSTALLED.format(error=error)) from error
        return OK
