"""Deleting records: what goes along, what is emptied, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Json, add, case, delete, drop, field, get, make, patch, records

A, B, C = "deleterecord001", "deleterecord002", "deleterecord003"


def references() -> Iterator[Case]:
    """Yield deletions of a record that others refer to."""
    kinds: dict[str, dict[str, Json]] = {
        "single": {"maxSelect": 1},
        "single required": {"maxSelect": 1, "required": True},
        "single cascade": {"maxSelect": 1, "cascadeDelete": True},
        "single cascade required": {"maxSelect": 1, "cascadeDelete": True, "required": True},
        "multi": {"maxSelect": 3},
        "multi required": {"maxSelect": 3, "required": True},
        "multi minSelect": {"maxSelect": 3, "minSelect": 2},
        "multi cascade": {"maxSelect": 3, "cascadeDelete": True},
        "multi cascade required": {"maxSelect": 3, "cascadeDelete": True, "required": True},
    }
    for name, options in kinds.items():
        target, source = f"delete_to_{name.replace(' ', '_')}", f"delete_from_{name.replace(' ', '_')}"
        relation = field("relation", "r", collectionId="{{target}}", **options)
        made = make(target, [field("text", "t")])
        both: Json = [A, B] if name.startswith("multi") else A
        yield case(
            f"delete: referred to by {name}",
            type(made)(
                method="POST",
                url=made.url,
                body=made.body,
                who="superuser",
                keep={"target": "id"},
                quiet=True,
            ),
            make(
                source, [relation, field("text", "t"), field("autodate", "u", onCreate=True, onUpdate=True)]
            ),
            add(target, id=A),
            add(target, id=B),
            add(source, id=A, r=both, t="both"),
            add(source, id=B, r=A, t="one")
            if name != "multi minSelect"
            else add(source, id=B, r=both, t="one"),
            add(source, id=C, r=B, t="other") if name != "multi minSelect" else add(source, id=C, r=both),
            delete(records(target, A), "guest"),
            get(records(source), sort="id"),
            get(records(target), sort="id"),
            delete(records(target, B), "guest"),
            get(records(source), sort="id"),
            get(records(target), sort="id"),
            *drop(source, target),
        )


def chains() -> Iterator[Case]:
    """Yield deletions that go on from record to record."""
    fields = [field("relation", "parent", collectionId="delete_tree_0001", maxSelect=1, cascadeDelete=True)]
    tree = [
        make("delete_tree", id="delete_tree_0001"),
        patch("/api/collections/delete_tree", {"fields": fields}, quiet=True),
        add("delete_tree", id=A),
        add("delete_tree", id=B, parent=A),
        add("delete_tree", id=C, parent=B),
        patch(records("delete_tree", A), {"parent": C}, quiet=True),
    ]
    yield case(
        "delete: a ring",
        *tree,
        delete(records("delete_tree", A), "guest"),
        get(records("delete_tree")),
        *drop("delete_tree"),
    )
    first = make("delete_chain1", id="delete_chain_01")
    to_first = field("relation", "r", collectionId="delete_chain_01", cascadeDelete=True)
    to_second = field("relation", "r", collectionId="delete_chain_02", required=True)
    yield case(
        "delete: a chain whose end refuses",
        first,
        make("delete_chain2", [to_first], id="delete_chain_02"),
        make("delete_chain3", [to_second]),
        add("delete_chain1", id=A),
        add("delete_chain2", id=B, r=A),
        add("delete_chain3", id=C, r=B),
        delete(records("delete_chain1", A), "guest"),
        get(records("delete_chain1")),
        get(records("delete_chain2")),
        delete(records("delete_chain3", C), "guest"),
        delete(records("delete_chain1", A), "guest"),
        get(records("delete_chain2")),
        *drop("delete_chain3", "delete_chain2", "delete_chain1"),
    )


def refusals() -> Iterator[Case]:
    """Yield deletions which are not allowed, or find nothing."""
    made = make("delete_twice", [field("text", "t")])
    yield case(
        "delete: twice",
        made,
        add("delete_twice", id=A),
        delete(records("delete_twice", A), "guest"),
        delete(records("delete_twice", A), "guest"),
        delete(records("delete_twice", A)),
        get(records("delete_twice", A)),
        add("delete_twice", id=A, t="again"),
        get(records("delete_twice", A)),
        *drop("delete_twice"),
    )
    aims = (
        records("nope", A),
        records("posts", "nope"),
        records("posts", "post00000000001"),
        records("posts", "post00000000002"),
        records("locked", "locked000000001"),
        records("locked", "nope"),
        records("teams", "team00000000001"),
        records("people", "benbenbenbenben"),
        records("post_stats", "post00000000001"),
        records("_superusers", "nope"),
        records("_otps", "nope"),
    )
    for aim in aims:
        yield case(
            f"delete: refused {aim.split('/', 3)[3]}",
            *(delete(aim, who) for who in ("guest", "dan", "member")),
        )
    su = (
        records("posts", "nope"),
        records("nope", A),
        records("post_stats", "post00000000001"),
        records("_superusers", "nope"),
    )
    for aim in su:
        yield case(f"delete: refused to superusers {aim.split('/', 3)[3]}", delete(aim))


CASES = [*references(), *chains(), *refusals()]
