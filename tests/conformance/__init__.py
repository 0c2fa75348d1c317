"""Sends the same requests to the real PocketBase and to Backstay and compares the answers.

`cases_*.py` hold the requests as data, an area a file. `talk.py` sends them, `compare.py` takes out what may
differ (ids, times, tokens) and says what else does, `servers.py` runs the two servers, `seed.py` fills them.
"""
