"""What the issuer and the api share: the domain, its ports, and the adapters behind them."""
