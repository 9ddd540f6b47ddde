"""The api's wire formats."""
