"""Answers, drawn on the pictures that they are about."""
