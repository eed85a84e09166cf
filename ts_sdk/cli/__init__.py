"""The `mar` command: run and examine model archives.

One module a command; each parses its own arguments and calls the public Python interface.
"""

from ts_sdk.cli.program import main

__all__ = ["main"]
