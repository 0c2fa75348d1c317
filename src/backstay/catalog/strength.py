"""How hard a password is to guess, by zxcvbn, which is loaded when a field asks for it: `backstay[strength]`."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

from backstay.errors import Fault, Unavailable

SCORE_MAX = 4
LOOKED_AT_CHARS = 72
"""zxcvbn takes quadratic time; what is longer is judged by its start."""
WORDS = ("backstay",)


@lru_cache(maxsize=1)
def can_judge() -> bool:
    """Tell whether zxcvbn is installed."""
    return find_spec("zxcvbn") is not None


def weakness(plain: str, wanted: int) -> Fault | None:
    """Return what is wrong with a password that is too easy to guess. Raises Unavailable without zxcvbn."""
    if not can_judge():
        raise Unavailable(
            hint="Passwords can't be judged: install backstay[strength], or set 'minScore' to 0."
        )
    from zxcvbn import zxcvbn

    found = zxcvbn(plain[:LOOKED_AT_CHARS], user_inputs=list(WORDS), max_length=LOOKED_AT_CHARS)
    if found["score"] >= wanted:
        return None
    advice = found["feedback"]["warning"] or "Add another word or two; uncommon words are better."
    return Fault("validation_weak_password", f"Too easy to guess. {advice}", {"score": found["score"]})
