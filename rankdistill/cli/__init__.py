"""The command line: one file a command, a table of them, and what all of them share."""

from rankdistill.cli.app import COMMANDS
from rankdistill.cli.entry import main

__all__ = ["COMMANDS", "main"]
