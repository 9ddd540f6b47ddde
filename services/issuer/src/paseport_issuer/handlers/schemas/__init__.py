"""The wire format: msgspec Structs."""
