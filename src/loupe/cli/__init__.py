"""The command line: one module a verb; each parses, calls and prints.

Nothing heavy is imported before a verb runs, so that `loupe --help` answers at once.
"""

from loupe.cli.app import main

__all__ = ["main"]
