"""The command line: one file per command, the table of commands, and what they share."""

from rankdistill.cli.entry import main

__all__ = ["main"]
