"""Changing the schema of a site: each change is one transaction, wholly done or not at all."""
