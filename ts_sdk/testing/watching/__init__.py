"""Instruments that checks share: what a handler prints, writes, opens and leaves behind."""
