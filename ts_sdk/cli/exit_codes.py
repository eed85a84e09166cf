"""What a script learns from the exit code of `mar`."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_OPENED = 3
    DEFECT = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


EXPLANATION = """\
exit codes:
  0    done; every request was answered, every archive is sound or runs as it is
  1    some request failed, some archive is damaged or needs a change; the others are printed
  2    the command line is wrong, or an input does not exist; nothing was done
  3    the archive could not be opened, loaded or unpacked, or the cache not used
  70   mar itself is at fault
  130  interrupted
  141  whoever read the output went away
"""
