"""Runs student code apart from everything it must not see or harm."""
