"""Blocking work beside the event loop, for adapters whose driver knows no other way."""
