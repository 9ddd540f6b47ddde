"""What the api does, apart from authenticating: the dashboard, the system's state, the revocations in force."""
