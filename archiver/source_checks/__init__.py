"""What is looked at in each source before it is packed, without running any of it.

Each check returns its findings as sentences; none raises, so that all problems come in one go.
"""
