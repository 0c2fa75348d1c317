"""The whole application in process: what it promises, and attacks on it."""
