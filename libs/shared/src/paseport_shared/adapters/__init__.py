"""The ports' adapters, one folder per technology; none imports another."""
