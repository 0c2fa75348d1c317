"""Tokens: the same bytes as PocketBase makes, and every way to forge one refused."""

from __future__ import annotations

import hmac
import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.accounts import Claims, TokenType, issue, read_unverified, signing_key, verify

# A user of a PocketBase 0.40.6 and what that server made for it.
TOKEN_KEY = "DeleLmgCs6zun9M5pdtr5r9ITrmkNTHQNCQw4h9plXCtzGNge2"
AUTH_SECRET = "wkr0byohbnZ0O1MFpy5Up7dj1mkKzQLIfMCiexiGQmTmkV7cKw"
FILE_SECRET = "QNGTlaRb2KA8FiY0T8yOfBMkuyvVkL40LDzRQte23H3xkl0kvK"
KEY = signing_key(TOKEN_KEY, AUTH_SECRET)
HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
AUTH_TOKEN = (
    f"{HEADER}.eyJjb2xsZWN0aW9uSWQiOiJfcGJfdXNlcnNfYXV0aF8iLCJleHAiOjE3OTU3NjcxODYsImlkIjoidWU5cnQ4emQ5djJuYXB0"
    "IiwicmVmcmVzaGFibGUiOnRydWUsInR5cGUiOiJhdXRoIn0.0l3pyNkSJUKOPnk8ZnpFuGp_tyQEZDunSIxYsDU-ddU"
)
IMPERSONATION_TOKEN = (
    f"{HEADER}.eyJjb2xsZWN0aW9uSWQiOiJfcGJfdXNlcnNfYXV0aF8iLCJleHAiOjE3OTUzMzg3ODYsImlkIjoidWU5cnQ4emQ5djJuYXB0"
    "IiwicmVmcmVzaGFibGUiOmZhbHNlLCJ0eXBlIjoiYXV0aCJ9.E8A7IgGDD47hwdMl1duQV2BSnPxPQDcwJeJUfPugkGw"
)
FILE_TOKEN = (
    f"{HEADER}.eyJjb2xsZWN0aW9uSWQiOiJfcGJfdXNlcnNfYXV0aF8iLCJleHAiOjE3OTUzMzUzNjYsImlkIjoidWU5cnQ4emQ5djJuYXB0"
    "IiwidHlwZSI6ImZpbGUifQ.Fhr0ukgZ92laYunv9qrif34C-XdQkbNRhkR06lWTdEY"
)
USER = {"id": "ue9rt8zd9v2napt", "collectionId": "_pb_users_auth_"}
NOW = datetime.fromtimestamp(1795335000, UTC)


def claims(type: TokenType = "auth", **more: Any) -> Claims:
    return Claims(
        **{"id": USER["id"], "collection_id": USER["collectionId"], "type": type, "exp": 1795767186, **more}
    )


OF_POCKETBASE = [
    pytest.param(AUTH_TOKEN, KEY, claims(refreshable=True), id="sign-in"),
    pytest.param(IMPERSONATION_TOKEN, KEY, claims(refreshable=False, exp=1795338786), id="impersonation"),
    pytest.param(FILE_TOKEN, signing_key(TOKEN_KEY, FILE_SECRET), claims("file", exp=1795335366), id="file"),
]


@pytest.mark.parametrize(("token", "key", "says"), OF_POCKETBASE)
def test_pocketbase_tokens_verify(token: str, key: str, says: Claims) -> None:
    assert read_unverified(token) == says
    assert verify(token, key, type=says.type, now=NOW) == says


@pytest.mark.parametrize(("token", "key", "says"), OF_POCKETBASE)
def test_ours_are_the_same_bytes(token: str, key: str, says: Claims) -> None:
    assert issue(says, key) == token


@pytest.mark.parametrize(
    "says",
    [
        claims("verification", email="ann@example.com"),
        claims("passwordReset", email="ann@example.com"),
        claims("emailChange", email="ann@example.com", new_email="é@example.com"),
    ],
    ids=lambda says: says.type,
)
def test_mailed_tokens(says: Claims) -> None:
    token = issue(says, KEY)
    assert verify(token, KEY, type=says.type, now=NOW) == says
    wire = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert wire == {
        **USER,
        "exp": says.exp,
        "type": says.type,
        "email": says.email,
        **({"newEmail": says.new_email} if says.new_email else {}),
    }


def is_good(token: str, key: str = KEY, type: TokenType = "auth", now: datetime = NOW) -> bool:
    return verify(token, key, type=type, now=now) is not None


def test_it_expires_in_the_second_it_names() -> None:
    end = datetime.fromtimestamp(1795767186, UTC)
    assert is_good(AUTH_TOKEN, now=end - timedelta(milliseconds=1))
    assert not is_good(AUTH_TOKEN, now=end)
    assert not is_good(AUTH_TOKEN, now=end + timedelta(seconds=1))
    # also when it was verified before and is remembered
    assert is_good(AUTH_TOKEN, now=end - timedelta(seconds=1))


@pytest.mark.parametrize("type", ["file", "verification", "passwordReset", "emailChange"])
def test_wrong_type(type: TokenType) -> None:
    assert is_good(AUTH_TOKEN)
    assert not is_good(AUTH_TOKEN, type=type)
    assert not is_good(issue(claims(type), KEY))


@pytest.mark.parametrize(
    "key",
    [
        signing_key(TOKEN_KEY, FILE_SECRET),
        signing_key(TOKEN_KEY[:-1] + "3", AUTH_SECRET),
        signing_key(AUTH_SECRET, TOKEN_KEY),
        KEY[:-1],
        KEY + "x",
        KEY.lower(),
        "",
        "\ud800" * 40,
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
    ],
    ids=ascii,
)
def test_wrong_key(key: str) -> None:
    assert is_good(AUTH_TOKEN)
    assert not is_good(AUTH_TOKEN, key=key)


@pytest.mark.parametrize("key", ["", "x" * 31])
def test_short_key_neither_signs_nor_verifies(key: str) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        issue(claims(), key)
    assert not is_good(signed({"alg": "HS256", "typ": "JWT"}, wire(), key=key), key=key)


def b64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def wire(**more: Any) -> dict[str, Any]:
    says = {**USER, "type": "auth", "exp": 1795767186, "refreshable": True, **more}
    return {key: value for key, value in says.items() if value is not ...}


def signed(header: object, payload: object, key: str = KEY, hash: str = "sha256") -> str:
    body = ".".join(
        b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)
    )
    return f"{body}.{b64(hmac.digest(key.encode(), body.encode(), hash))}"


HS256 = {"alg": "HS256", "typ": "JWT"}


def test_tokens_of_other_libraries_are_good() -> None:
    assert is_good(signed(HS256, wire()))
    assert is_good(signed({"typ": "JWT", "alg": "HS256"}, wire()))
    assert is_good(signed({"alg": "HS256"}, wire(iat=1, iss="x")))
    assert is_good(jwt.encode(wire(), KEY, algorithm="HS256"))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"},
        {"alg": "None"},
        {"alg": "NONE"},
        {"alg": ""},
        {"alg": None},
        {"typ": "JWT"},
        {"alg": "hs256"},
        {"alg": "HS384"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": "ES256"},
        {"alg": ["HS256"]},
        {**HS256, "typ": "JOSE"},
        {**HS256, "kid": "../../dev/null"},
        {**HS256, "jku": "http://127.0.0.1/keys"},
        {**HS256, "jwk": {"kty": "oct", "k": "AAAA"}},
        {**HS256, "crit": ["b64"], "b64": False},
        {**HS256, "zip": "DEF"},
        [],
        None,
        b"",
        b"{",
        b"\xff",
        b"[" * 1500,
        b'{"alg":' + b"[" * 1500,
    ],
    ids=ascii,
)
def test_signed_with_the_right_key_but_another_header(header: object) -> None:
    token = signed(header, wire())
    assert read_unverified(token) is None
    assert not is_good(token)


def test_no_signature() -> None:
    none = b64(b'{"alg":"none","typ":"JWT"}')
    payload = AUTH_TOKEN.split(".")[1]
    for token in (f"{none}.{payload}.", f"{none}.{payload}", f"{HEADER}.{payload}.", f"{HEADER}.{payload}"):
        assert not is_good(token)
    assert not is_good(f"{none}.{payload}.{AUTH_TOKEN.split('.')[2]}")
    assert not is_good(signed({"alg": "HS512"}, wire(), hash="sha512"))


@pytest.mark.parametrize(
    "payload",
    [
        wire(exp=...),
        wire(id=...),
        wire(type=...),
        wire(collectionId=...),
        wire(exp="1795767186"),
        wire(exp=1795767186.0),
        wire(exp=1795767186.5),
        wire(exp=None),
        wire(exp=True),
        wire(exp=-1),
        wire(exp=0),
        wire(id=5),
        wire(id=None),
        wire(id=["a"]),
        wire(type="admin"),
        wire(type="AUTH"),
        wire(refreshable="true"),
        wire(email=1),
        [],
        "auth",
        None,
        b"",
        b"{",
        b'{"exp":1e999}',
        b'\xff{"exp":1}',
        b"[" * 2000,
        b'{"x":' + b"[" * 2900,
        b'{"x":' + b'{"x":' * 580,
        b'{"type":"auth","collectionId":"c","exp":1795767186,"id":"\\ud800"}',
    ],
    ids=lambda payload: ascii(payload)[:60],
)
def test_signed_with_the_right_key_but_malformed_claims(payload: object) -> None:
    assert not is_good(signed(HS256, payload))


def swap_tail(token: str) -> list[str]:
    """Spell the signature's last character, of which only four bits count, in its three other ways."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    place = alphabet.index(token[-1])
    return [token[:-1] + alphabet[place ^ bits] for bits in (1, 2, 3)]


def parts_of(token: str, change: Callable[[str], str]) -> list[str]:
    parts = token.split(".")
    return [".".join([*parts[:i], change(parts[i]), *parts[i + 1 :]]) for i in range(3)]


SPELLINGS: list[str] = [
    *swap_tail(AUTH_TOKEN),
    *parts_of(AUTH_TOKEN, lambda part: part + "="),
    *parts_of(AUTH_TOKEN, lambda part: part + "=="),
    *parts_of(AUTH_TOKEN, lambda part: part + "\n"),
    *parts_of(AUTH_TOKEN, lambda part: " " + part),
    *parts_of(AUTH_TOKEN, lambda part: part[:4] + "!" + part[4:]),
    *parts_of(AUTH_TOKEN, lambda part: part + "A"),
    *parts_of(AUTH_TOKEN, lambda part: part + "é"),
    *parts_of(AUTH_TOKEN, lambda part: part + "\0"),
    *parts_of(AUTH_TOKEN, lambda part: ""),
    AUTH_TOKEN.replace("-", "+").replace("_", "/"),
    AUTH_TOKEN + ".",
    "." + AUTH_TOKEN,
    AUTH_TOKEN + "." + AUTH_TOKEN.split(".")[2],
    f"Bearer {AUTH_TOKEN}",
    AUTH_TOKEN + "\n",
]


@pytest.mark.parametrize("token", SPELLINGS, ids=lambda token: ascii(token[-20:]))
def test_no_other_spelling_of_a_good_token_is_good(token: str) -> None:
    assert is_good(AUTH_TOKEN)
    assert token != AUTH_TOKEN
    assert not is_good(token)


def test_leftover_bits_are_refused_in_every_part_even_when_signed() -> None:
    header, payload = b64(b'{"alg":"HS256" }'), b64(json.dumps(wire()).encode())
    for spelled in (header, *(header[:-1] + chr(ord(header[-1]) + more) for more in (1, 2, 3))):
        body = f"{spelled}.{payload}"
        token = f"{body}.{b64(hmac.digest(KEY.encode(), body.encode(), 'sha256'))}"
        assert is_good(token) is (spelled == header)


def test_every_shorter_token_is_refused() -> None:
    assert not any(is_good(AUTH_TOKEN[:end]) for end in range(len(AUTH_TOKEN)))
    assert not any(is_good(AUTH_TOKEN[start:]) for start in range(1, len(AUTH_TOKEN)))


def test_every_changed_character_is_refused() -> None:
    for place, character in enumerate(AUTH_TOKEN):
        other = "A" if character != "A" else "B"
        assert not is_good(AUTH_TOKEN[:place] + other + AUTH_TOKEN[place + 1 :])


def test_size_limit() -> None:
    def sized(size: int) -> str:
        filler = next(n for n in range(size) if len(signed(HS256, wire(x="x" * n))) >= size)
        return signed(HS256, wire(x="x" * filler))

    largest = sized(4095)
    assert len(largest) <= 4096
    assert is_good(largest)
    assert not is_good(sized(4097))
    assert read_unverified("x" * 10_000_000) is None


@given(
    st.text(max_size=60)
    | st.from_regex(r"\A[\w-]*\.[\w-]*\.[\w-]{43}\Z")
    | st.binary().map(lambda b: f"{HEADER}.{b64(b)}.{'A' * 43}")
)
def test_any_text_is_a_token_or_none(token: str) -> None:
    assert read_unverified(token) is None
    assert not is_good(token)
