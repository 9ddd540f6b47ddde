"""Time and randomness of the operating system."""
