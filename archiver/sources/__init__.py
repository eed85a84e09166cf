"""The containers that a model comes in: a zip, a compressed tar, a folder."""
