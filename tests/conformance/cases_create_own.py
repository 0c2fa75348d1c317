"""Values that a record takes otherwise than in PocketBase, on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Expected, Json, case, drop, field, make, post, records
from tests.conformance.cases_create import NUL


def own_way(name: str, kind: str, given: Json, answer: Json, why: str, **options: Json) -> Case:
    """Send a value that Backstay takes otherwise on purpose.

    answer: the value as it is kept, or the fault that refuses it
    """
    is_fault = isinstance(answer, dict)
    refusal = {"data": {"v": answer}, "message": "Failed to create record.", "status": 400}
    expected = (
        Expected(step=1, status=400, body=refusal)
        if is_fault
        else Expected(step=1, status=200, body={"v": answer})
    )
    return case(
        f"create: {name}",
        make("create_own_way", [field(kind, "v", **options)]),
        post(records("create_own_way") + "?fields=v", {"v": given}),
        *drop("create_own_way"),
        differs=why,
        expected=[expected],
    )


def taken_otherwise() -> Iterator[Case]:
    """Yield single values that Backstay takes otherwise on purpose."""
    seconds = "seconds may be left out, as a date input of a browser does"
    yield own_way("a time without seconds", "date", "2024-02-29 12:30", "2024-02-29 12:30:00.000Z", seconds)
    for number, text in enumerate(("3:04PM", "Jan  2 15:04:05", "0000-01-01")):
        yield own_way(f"a date without a year {number}", "date", text, "", "a date has a year from 1 on")
    yield own_way(
        "json of a text with NUL", "json", NUL, NUL, "any text can be JSON; PocketBase quotes as Go does"
    )
    labels = "a host may have labels of one letter"
    yield own_way("a url of short labels", "url", "http://a.b.c.d.e.f", "http://a.b.c.d.e.f", labels)
    domain = {"code": "validation_url_domain_not_allowed", "message": "Url domain is not allowed."}
    port = "a port does not lead around exceptDomains, nor does the case of letters"
    for number, url in enumerate(("http://b.co:80", "http://B.CO")):
        yield own_way(
            f"a url of an excepted domain {number}", "url", url, domain, port, exceptDomains=["b.co"]
        )
    address = {"code": "validation_email_domain_not_allowed", "message": "Email domain is not allowed."}
    yield own_way(
        "an address of an excepted domain", "email", "a@B.CO", address, port, exceptDomains=["b.co"]
    )
    long = {"code": "validation_max_text_constraint", "message": "Must be less than 71 character(s)."}
    plainly = "a password that is too long is refused as such; PocketBase's hash fails over 72 bytes"
    yield own_way("a password of 80 letters", "password", "x" * 80, long, plainly)


CASES = [*taken_otherwise()]
