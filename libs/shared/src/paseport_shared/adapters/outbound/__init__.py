"""Requests to servers of others, by rules that keep this installation's network out of their reach."""
