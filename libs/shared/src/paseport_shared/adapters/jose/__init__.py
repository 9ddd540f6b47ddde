"""ID tokens as JSON Web Signatures, and the key set that checks them."""
