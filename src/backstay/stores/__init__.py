"""The databases: one Protocol, one module each."""
