"""The issuer: signs people in, signs their tokens, and manages users."""
