"""Tuned settings that archives hold: the one that was found on this machine is applied."""
