"""Creating records: ids, modifiers, unique indexes, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    Expected,
    Json,
    Step,
    add,
    case,
    drop,
    field,
    get,
    make,
    post,
    records,
)

IDS: tuple[Json, ...] = (
    "abcdefghijklmno",
    "abcdefghijklmno",
    "ABCDEFGHIJKLMNO",
    "abcdefghijklmn",
    "abcdefghijklmnop",
    "abc def",
    "",
    None,
    123456789012345,
    "000000000000000",
    "abcdefghijklm/o",
    "abcdefghijklm.o",
    "äbcdefghijklmno",
    ["abcdefghijklmno"],
    " abcdefghijklmno",
)


FREE_IDS: tuple[Json, ...] = (
    "a",
    "A",
    "a b",
    "ä",
    "a/b",
    "a\\b",
    "a.b",
    "a|b",
    'a"b',
    "a'b",
    "a`b",
    "a<b",
    "a>b",
    "a:b",
    "a?b",
    "a*b",
    "a%b",
    "a$b",
    "a\nb",
    "a\tb",
    "a\x7fb",
    "a\x00b",
    "con",
    "CON",
    "nul",
    "aux",
    "prn",
    "com1",
    "lpt9",
    "com10",
    "..",
    ".",
    "a#b",
    "a&b",
    "a+b",
    "a@b",
    "a_b-c~d",
    "-",
    "x" * 255,
    "x" * 1000,
    "😀",
    " a",
)


def ids() -> Iterator[Case]:
    """Yield ids that a client proposes."""
    steps = [post(records("create_ids"), {"id": value}) for value in IDS]
    yield case("create: ids", make("create_ids"), *steps, *drop("create_ids"))
    free = {"name": "id", "type": "text", "primaryKey": True, "required": True, "system": True}
    loose = {
        **free,
        "id": "text3208210256",
        "pattern": "(?s)^.+$",
        "min": 0,
        "max": 0,
        "autogeneratePattern": "[a-z]{5}",
    }
    steps = [post(records("create_free_ids"), {"id": value}) for value in FREE_IDS]
    again = post(records("create_free_ids"), {"id": "case"})
    upper = post(records("create_free_ids"), {"id": "CASE"})
    made = make("create_free_ids", [loose])
    yield case("create: ids of any pattern", made, *steps, again, again, upper, *drop("create_free_ids"))
    tight = {
        **free,
        "id": "text3208210256",
        "pattern": "^[0-9]+$",
        "min": 3,
        "max": 5,
        "autogeneratePattern": "",
    }
    numbers = [
        post(records("create_tight_ids"), {"id": value})
        for value in ("12", "123", "123456", "abc", "", 99999)
    ]
    missing = post(records("create_tight_ids"), {})
    yield case(
        "create: ids without a default",
        make("create_tight_ids", [tight]),
        *numbers,
        missing,
        *drop("create_tight_ids"),
    )


def modifiers() -> Iterator[Case]:
    """Yield `+name`, `name+`, `name-` and `:autogenerate` at creation."""
    fields = [
        field("text", "t", autogeneratePattern="[a-z]{8}"),
        field("text", "plain"),
        field("number", "n"),
        field("select", "s", values=["a", "b", "c"], maxSelect=3),
        field("select", "one", values=["a", "b"], maxSelect=1),
        field("relation", "r", collectionId="teams_col_00001", maxSelect=3),
        field("bool", "b"),
        field("json", "j"),
    ]
    bodies: tuple[Json, ...] = (
        {"n+": 5},
        {"n-": 5},
        {"+n": 5},
        {"n": 1, "n+": 5},
        {"n+": 5, "n": 1},
        {"n+": "5"},
        {"n+": "abc"},
        {"n+": None},
        {"n+": 1, "n-": 3},
        {"s+": "a"},
        {"s+": ["a", "b"]},
        {"+s": "a"},
        {"s-": "a"},
        {"s": ["a", "b"], "s+": "c"},
        {"s": ["a", "b"], "+s": "c"},
        {"s": ["a", "b"], "s-": "a"},
        {"s": ["a"], "s+": "a"},
        {"s": ["a"], "s+": "zzz"},
        {"s": ["a", "b"], "+s": ["c", "a"]},
        {"one+": "a"},
        {"one": "a", "one+": "b"},
        {"one": "a", "one-": "a"},
        {"r+": "team00000000001"},
        {"r": ["team00000000001"], "+r": "team00000000002"},
        {"r": ["team00000000001"], "r-": "team00000000001"},
        {"r+": "nope"},
        {"b+": True},
        {"j+": 1},
        {"plain+": "x"},
        {"plain-": "x"},
        {"unknown+": "x"},
        {"+": 1},
        {"s++": "a"},
    )
    steps = [
        post(records("create_modifiers"), {"t": "x", **body}) for body in bodies if isinstance(body, dict)
    ]
    generated: list[Step] = []
    for value in ("", "x", None, 5, "y_"):
        generated.append(post(records("create_modifiers"), {"t:autogenerate": value}, mask=["t"]))
        generated.append(post(records("create_modifiers"), {"plain:autogenerate": value, "t": "z"}))
    both = post(records("create_modifiers"), {"t": "a", "t:autogenerate": "b"}, mask=["t"])
    none = post(records("create_modifiers"), {}, mask=["t"])
    as_id = post(records("create_modifiers"), {"id:autogenerate": "abc", "t": "x"})
    made = make("create_modifiers", fields)
    yield case("create: modifiers", made, *steps, *generated, both, none, as_id, *drop("create_modifiers"))


def unique() -> Iterator[Case]:
    """Yield refusals by unique indexes."""
    fields = [field("text", "a"), field("number", "b"), field("text", "c")]
    indexes: dict[str, str] = {
        "plain": "CREATE UNIQUE INDEX `idx_u_plain` ON `create_unique_plain` (`a`)",
        "nocase": "CREATE UNIQUE INDEX `idx_u_nocase` ON `create_unique_nocase` (`a` COLLATE NOCASE)",
        "partial": "CREATE UNIQUE INDEX `idx_u_partial` ON `create_unique_partial` (`a`) WHERE `a` != ''",
        "two": "CREATE UNIQUE INDEX `idx_u_two` ON `create_unique_two` (`a`, `b`)",
        "lower": "CREATE UNIQUE INDEX `idx_u_lower` ON `create_unique_lower` (lower(`a`))",
    }
    for name, index in indexes.items():
        collection = f"create_unique_{name}"
        sent: tuple[dict[str, Json], ...] = (
            {"a": "x", "b": 1},
            {"a": "x", "b": 1},
            {"a": "X", "b": 1},
            {"a": "x", "b": 2},
            {"a": "", "b": 1},
            {"a": "", "b": 1},
            {"b": 5},
        )
        steps = [post(records(collection), {"c": "c", **body}, "guest") for body in sent]
        yield case(
            f"create: unique {name}", make(collection, fields, indexes=[index]), *steps, *drop(collection)
        )
    both = [
        "CREATE UNIQUE INDEX `idx_u_both_a` ON `create_unique_both` (`a`)",
        "CREATE UNIQUE INDEX `idx_u_both_c` ON `create_unique_both` (`c`)",
    ]
    made = make("create_unique_both", fields, indexes=both)
    first = add("create_unique_both", a="x", c="y")
    second = post(records("create_unique_both"), {"a": "x", "c": "y"}, "guest")
    third = post(records("create_unique_both"), {"a": "z", "c": "y"}, "guest")
    taken = {"code": "validation_not_unique", "message": "Value must be unique."}
    faults = {"data": {"a": taken, "c": taken}, "message": "Failed to create record.", "status": 400}
    yield case(
        "create: unique twice",
        made,
        first,
        second,
        third,
        *drop("create_unique_both"),
        differs="all faults come at once; PocketBase tells the first index that its database names",
        expected=[Expected(step=2, status=400, body=faults)],
    )


def answers() -> Iterator[Case]:
    """Yield what a creation answers: expand, fields, hidden fields, where it is refused."""
    made = make(
        "create_answers",
        [field("relation", "r", collectionId="teams_col_00001"), field("text", "h", hidden=True)],
    )
    body = {"r": "team00000000001", "h": "hidden"}
    url = records("create_answers")
    yield case(
        "create: answers",
        made,
        post(url + "?expand=r", body, "guest"),
        post(url + "?expand=r", body),
        post(url + "?fields=r,h,expand.r.title&expand=r", body, "guest"),
        post(url + "?expand=nope&fields=nope", body, "guest"),
        get(url, "superuser", fields="r,h"),
        *drop("create_answers"),
    )
    unanswered = records("create_unanswered")
    yield case(
        "create: bad fields",
        make("create_unanswered", [field("text", "t")]),
        post(unanswered + "?fields=x:nope(1)", {"t": "x"}, "guest"),
        get(unanswered, fields="t"),
        *drop("create_unanswered"),
        differs="what can't be answered is not written; PocketBase writes it and answers 400",
        expected=[
            Expected(
                step=2,
                status=200,
                body={"items": [], "page": 1, "perPage": 30, "totalItems": 0, "totalPages": 0},
            )
        ],
    )
    refused: tuple[tuple[str, dict[str, Json]], ...] = (
        ("post_stats", {"title": "x"}),
        ("nope", {"title": "x"}),
        ("locked", {"title": "x"}),
        ("members", {}),
    )
    for collection, sent in refused:
        steps = [
            post(records(collection), sent, who)
            for who in ("superuser", "guest", "ann")
            if collection != "locked"
        ]
        if collection == "locked":
            steps = [post(records(collection), sent, who) for who in ("guest", "ann")]
        yield case(f"create: refused in {collection}", *steps)
    system = ("_superusers", "_mfas", "_otps", "_externalAuths", "_authOrigins")
    steps = [post(records(name), {}, who) for name in system for who in ("superuser", "guest", "ann")]
    yield case("create: refused in system collections", *steps)


def dates() -> Iterator[Case]:
    """Yield autodates: set by the server whatever a client sends."""
    fields = [
        field("autodate", "c", onCreate=True),
        field("autodate", "u", onUpdate=True),
        field("text", "t"),
    ]
    fields.append(field("autodate", "both", onCreate=True, onUpdate=True))
    url = records("create_autodates")
    body = {"c": "2000-01-01", "u": "2000-01-01", "both": "2000-01-01", "t": "x"}
    steps = [post(url, body, who) for who in ("superuser", "guest")]
    yield case("create: autodates", make("create_autodates", fields), *steps, *drop("create_autodates"))


CASES = [*ids(), *modifiers(), *unique(), *answers(), *dates()]
