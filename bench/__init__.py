"""Measures Paseport against its budgets, always beside a yardstick that runs in the same minutes: ``make bench``."""
