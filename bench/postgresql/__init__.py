"""Measures a site on PostgreSQL: beside a hand-written handler, beside SQLite, with more processes, with more rows."""
