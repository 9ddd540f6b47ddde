"""HTTP at the issuer: one file per endpoint group."""
