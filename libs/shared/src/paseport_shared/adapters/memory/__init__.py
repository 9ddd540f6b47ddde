"""Real adapters kept in this process's memory: for the embedded mode and for tests. A restart forgets everything."""
