"""Bytes that no honest client sends: JSON, forms and multipart with everything wrong in them."""

from __future__ import annotations

import json
from collections.abc import Iterator

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
FORM: Header = (b"content-type", b"application/x-www-form-urlencoded")
PARTS: Header = (b"content-type", b"multipart/form-data; boundary=cut")

VALUES: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"0",
    b"-0",
    b"-0.0",
    b"1.5",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"1e308",
    b"9" * 400,
    b"-" + b"9" * 5000,
    b"18446744073709551616",
    b"9223372036854775808",
    b"1" + b"0" * 30,
    b"0." + b"0" * 400 + b"1",
    b"NaN",
    b"Infinity",
    b'""',
    b'" "',
    b'"\\u0000"',
    b'"a\\u0000b"',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    '"\u2028\u202e\U0010ffff"'.encode(),
    b'"' + b"x" * 70_000 + b'"',
    b'"' + b"\\u00e9" * 30_000 + b'"',
    b'"' + b"9" * 5000 + b'"',
    b'"nan"',
    b'"inf"',
    b'"-Infinity"',
    b'"1e400"',
    b'"1e999999999"',
    b'"0x10"',
    b'"1_000"',
    '"٣"'.encode(),
    b'"[["',
    b'"[' + b"[" * 5000 + b'"',
    b'"' + b"[" * 400 + b"]" * 400 + b'"',
    b'"{\\"a\\":1e400}"',
    b'"[18446744073709551616]"',
    b'"[\\"\\\\ud800\\"]"',
    b'"Mon, 01 Jan 0001 00:00:00 +2359"',
    b'"Fri, 31 Dec 9999 23:59:59 -2359"',
    b'"0000-00-00 00:00:00.000Z"',
    b'"9999-12-31 23:59:59.999999999+99:99"',
    b'"99999999999999999999-01-01"',
    b'"' + b"1" * 400 + b'"',
    b'"http://[::1"',
    b'"http://\\u0000/"',
    b'"http://a:99999999/"',
    b'"a@b@c"',
    b'"@"',
    b'"' + b"a" * 300 + b'@example.com"',
    b"[]",
    b"{}",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b"[true,1,1.5]",
    b'["\\ud800"]',
    b'[["\\ud800"]]',
    b'{"\\ud800":1}',
    b'{"a":"\\ud800"}',
    b'[{"a":["\\ud800"]}]',
    b"[1e400]",
    b'{"a":[1e400]}',
    b"[" + b"9" * 400 + b"]",
    b'["x","x","x"]',
    b"[" + b"1," * 20_000 + b"1]",
    b'{"lon":"x","lat":[]}',
    b'{"lon":1e308,"lat":-1e308}',
    b'{"lon":' + b"9" * 400 + b',"lat":0}',
    b'{"lon":null}',
    b"[" * 90 + b"]" * 90,
    b"[" * 400 + b"]" * 400,
    b"[" * 900 + b"]" * 900,
    b"[" * 990 + b"]" * 990,
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"a":' * 950 + b"1" + b"}" * 950,
    b'{"a":' * 100_000,
    b'{"a":1,"a":2}',
    b'[{"a":{"b":1,"b":2}}]',
    b'{"\\ud800":1,"\\ud800":2}',
    b"undefined",
    b"'x'",
    b"{",
    b"[1,]",
    b'"\n"',
    b'"\\x"',
    b"01",
    b".5",
    b"+1",
)
"""JSON values, and what looks like them."""


def bodies(keys: tuple[str, ...], value: bytes) -> Iterator[tuple[Header, bytes]]:
    """Yield a body of each kind that has `value` under each of `keys`."""
    members = b",".join(json.dumps(key).encode() + b":" + value for key in keys)
    yield JSON, b"{" + members + b"}"
    if value[:1] not in b"[{" or len(value) < 1000:
        yield FORM, b"&".join(key.encode() + b"=" + quote(value) for key in keys)
        yield PARTS, multipart(*((key.encode(), value) for key in keys))


def quote(value: bytes) -> bytes:
    """Percent-encode all bytes."""
    return b"".join(b"%%%02x" % byte for byte in value)


def multipart(*parts: tuple[bytes, bytes], boundary: bytes = b"cut", headers: bytes = b"") -> bytes:
    """Return a multipart body; `headers` are added to each part."""
    out = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n%s\r\n%s\r\n'
        % (boundary, name, headers, value)
        for name, value in parts
    )
    return out + b"--%s--\r\n" % boundary


_PART = b'Content-Disposition: form-data; name="text0"'
MALFORMED: tuple[tuple[Header, bytes], ...] = (
    (JSON, b""),
    (JSON, b" "),
    (JSON, b"\xef\xbb\xbf{}"),
    (JSON, b"\xff\xfe{\x00}\x00"),
    (JSON, b"\x00"),
    (JSON, b"{}{}"),
    (JSON, b"{} trailing"),
    (JSON, b"[]"),
    (JSON, b'"x"'),
    (JSON, b"1"),
    (JSON, b"null"),
    (JSON, b"9" * 5000),
    (JSON, b"[" * 200_000),
    (JSON, b'{"a":1,"a":2}'),
    (JSON, b'{"\\ud800":1}'),
    (JSON, b'{"\\ud800":1,"\\ud800":1}'),
    (JSON, b'{"":1}'),
    (JSON, b'{"text0":"x","text0+":1,"+text0":2,"text0-":3,"text0:autogenerate":4}'),
    (JSON, b'{"@jsonPayload":"{}","views+":[1],"views-":{"a":1}}'),
    ((b"content-type", b"application/json; charset=utf-16"), b"{}"),
    ((b"content-type", b"application/json;;;=;"), b"{}"),
    ((b"content-type", b"\xff\xff"), b"{}"),
    ((b"content-type", b""), b"{}"),
    ((b"content-type", b"text/plain"), b"{}"),
    ((b"content-type", b"application/xml"), b"<a/>"),
    ((b"content-type", b"text/xml"), b'<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'),
    ((b"content-type", b";" * 5000), b"{}"),
    (FORM, b"%"),
    (FORM, b"a=%zz"),
    (FORM, b"a=%ff%fe"),
    (FORM, b"\xff=\xfe"),
    (FORM, b"&".join(b"a=%d" % number for number in range(2000))),
    (FORM, b"&" * 5000),
    (FORM, b"a=1;b=2&=&=="),
    (FORM, b"@jsonPayload=1"),
    (FORM, b"@jsonPayload=%7B%22a%22%3A%22%5Cud800%22%7D"),
    (FORM, b"@jsonPayload=" + b"%5B" * 50_000),
    (FORM, b"@jsonPayload={}&@jsonPayload=[]"),
    ((b"content-type", b"multipart/form-data"), b"--cut\r\n"),
    ((b"content-type", b"multipart/form-data; boundary="), b"--\r\n"),
    ((b"content-type", b'multipart/form-data; boundary="'), b"--cut\r\n"),
    ((b"content-type", b"multipart/form-data; boundary=\xff"), b"--\xff\r\n"),
    ((b"content-type", b"multipart/form-data; boundary=" + b"x" * 5000), b"--x\r\n"),
    ((b"content-type", b"multipart/form-data; boundary=other"), multipart((b"text0", b"x"))),
    ((b"content-type", b"multipart/mixed; boundary=cut"), multipart((b"text0", b"x"))),
    ((b"content-type", b"Multipart/Form-Data; Boundary=cut"), multipart((b"text0", b"x"))),
    (PARTS, b""),
    (PARTS, b"garbage"),
    (PARTS, b"--cut"),
    (PARTS, b"--cut--\r\n"),
    (PARTS, b"--cut\r\n\r\n\r\n--cut--\r\n"),
    (PARTS, multipart((b"text0", b"x"))[:-9]),
    (PARTS, multipart((b"text0", b"x"))[:30]),
    (PARTS, b"--cut\r\n" + _PART + b"\r\n\r\n" + b"x" * 1000),
    (PARTS, b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, b"--cut\r\nContent-Disposition: form-data; name=\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, b'--cut\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--cut--\r\n'),
    (PARTS, b"--cut\r\nX: " + b"y" * 20_000 + b"\r\n" + _PART + b"\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, b"--cut\r\n" + b"X: y\r\n" * 2000 + _PART + b"\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, b"--cut\r\n: :\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, b"--cut\r\n\xff\xff\xff\r\n\r\nx\r\n--cut--\r\n"),
    (PARTS, multipart((b"text0", b"\xff\xfe"))),
    (PARTS, multipart((b"\xff\xfe", b"x"))),
    (
        PARTS,
        multipart((b"text0", b"\\ud800"), headers=b"Content-Type: text/plain; charset=unicode_escape\r\n"),
    ),
    (PARTS, multipart(*((b"a%d" % number, b"x") for number in range(1500)))),
    (PARTS, multipart(*((b"@jsonPayload", b"{}") for _ in range(3)))),
    (PARTS, multipart((b"@jsonPayload", b"[" * 50_000))),
    (PARTS, multipart((b"@jsonPayload", b'{"a":1,"a":2}'))),
)
"""Whole bodies which are wrong in one way or another."""

CHARSETS = (
    b"unicode_escape",
    b"raw_unicode_escape",
    b"utf-7",
    b"utf-16",
    b"punycode",
    b"idna",
    b"rot13",
    b"zlib",
    b"hex",
    b"undefined",
    b"mbcs",
    b"\xff",
    b"x" * 2000,
    b"../../etc/passwd",
)
"""What a multipart body may call its encoding."""
