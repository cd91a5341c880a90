"""The subcommands of ``manage.py signals``: what the pages show, in a terminal, in a pipe, and for coding agents."""
