"""Records: reading, writing, checking, expanding. The heart."""
