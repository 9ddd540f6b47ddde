"""Randomness of the operating system."""
