"""Backstay's tests; each folder is a level."""
