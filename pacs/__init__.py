"""Filmless: the imaging archive. The map of the rooms is ARCHITECTURE.md."""

__version__ = "0.1.0"
