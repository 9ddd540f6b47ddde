"""What Paseport is about, in the standard library alone: models, ports and errors."""
