"""Paseport in one process (embedded mode), and the ``paseport`` command line."""
