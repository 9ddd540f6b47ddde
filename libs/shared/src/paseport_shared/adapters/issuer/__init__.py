"""The issuer's internal port, as the api asks it: subjects, revocations, health and figures."""
