"""The record in SQL: one adapter for SQLite (embedded mode) and MariaDB (production)."""
