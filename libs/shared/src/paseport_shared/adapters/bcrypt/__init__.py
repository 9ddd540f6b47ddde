"""Password hashing with bcrypt on a bounded pool of threads."""
