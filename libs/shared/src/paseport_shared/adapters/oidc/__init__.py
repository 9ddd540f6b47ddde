"""Upstream identity providers: their metadata and keys, and what they say of people, read without trust."""
