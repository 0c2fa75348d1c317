"""Takes out of two answers what may differ, and says what else does.

May differ: ids that a server made up (of records, and of a view's fields), times about now, signature and expiry second
of tokens, random suffixes of file names, the database's own words after "Raw error:", the wording of mail templates, and
Backstay's `hint` and `at` beside an error's message. Numbers are equal when a client reads them as the same double.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from tests.conformance.cases import Case, Json, Nothing, Step
from tests.conformance.talk import Answer

ID = re.compile(r"[a-z0-9]{15}")
CLONE = re.compile(r"_clone_\w+")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z")
JWT = re.compile(r"eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+")
FILE_SUFFIX = re.compile(r"(?:_[a-z0-9]{10})+(\.\w+)$")
RANDOM_INDEX = re.compile(r"(idx_(?:tokenKey|email)_)[a-z0-9]{10}(?=`)")
IMPORT_ERROR = re.compile(r'(Data validations failed for collection "[^"]*" \([^)]*\)).*', re.DOTALL)
EXAMPLE = re.compile(r'ex\.: "[^"]*"')
RAW_ERROR = re.compile(r"(Raw error:).*", re.DOTALL)
NEAR = timedelta(hours=1)
ABSENT = "<absent>"


class Normaliser:
    """Replaces what a server made up, in the order in which it appears.

    said: all text that the requests and the seed hold; an id that stands there was not made up
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self.made_up: dict[str, str] = {}

    def answer(self, step: Step, answer: Answer) -> Json:
        """Return the comparable form of a body."""
        self.learn(answer.body, "")
        body = self.value(answer.body, "")
        for path in step.mask:
            body = masked(body, path.split("."))
        if step.unordered:
            body = shuffled(body, step.unordered.split("."))
        return body

    def learn(self, value: Json, key: str) -> None:
        """Remember the ids that this answer is the first to hold."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self.learn(inner, name)
        elif isinstance(value, list):
            for inner in value:
                self.learn(inner, key)
        elif isinstance(value, str) and key == "id" and ID.fullmatch(value) and value not in self.said:
            self.made_up.setdefault(value, f"<id {len(self.made_up) + 1}>")

    def value(self, value: Json, key: str) -> Json:
        """Replace inside of one value; `key` is the name it stands under."""
        if isinstance(value, dict):
            if value.keys() == {"subject", "body"}:
                return {name: placeholders(text) for name, text in value.items()}
            own = {k: v for k, v in value.items() if not (k in {"hint", "at"} and is_error(value))}
            return {k: self.value(v, k) for k, v in own.items()}
        if isinstance(value, list):
            return [self.value(v, key) for v in value]
        if isinstance(value, str):
            return self.text(value, key)
        return value

    def text(self, text: str, key: str) -> str:
        """Replace inside of one string."""
        text = JWT.sub(lambda found: self.claims(found[1]), text)
        for made_up, name in self.made_up.items():
            text = text.replace(made_up, name)
        text = TIME.sub(lambda found: "<now>" if is_near(found[0]) else found[0], text)
        text = FILE_SUFFIX.sub(r"_<suffix>\1", text) if key != "name" else text
        text = IMPORT_ERROR.sub(r"\1", EXAMPLE.sub("ex.: <random>", text))
        text = RANDOM_INDEX.sub(r"\1<random>", CLONE.sub("_clone_*", text))
        return RAW_ERROR.sub(r"\1", text)

    def claims(self, payload: str) -> str:
        """Return a token's claims, the expiry as minutes from now."""
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        self.learn(told, "")
        if "exp" in told:
            told["exp"] = f"in {round((told['exp'] - datetime.now(UTC).timestamp()) / 60)} min"
        return f"<token {json.dumps(told, sort_keys=True)}>"


def is_error(value: dict[str, Json]) -> bool:
    """Tell an error body from other objects."""
    return {"status", "message", "data"} <= value.keys()


def placeholders(text: Json) -> Json:
    """Return what a mail template must hold; each project has its own words around that."""
    return (
        ["text", *(name for name in ("{TOKEN}", "{OTP}", "{ALERT_INFO}") if name in text)]
        if isinstance(text, str) and text
        else text
    )


def is_number(value: Json) -> TypeGuard[int | float]:
    """Tell numbers from everything else, bools too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_near(text: str) -> bool:
    """Say whether a time is about now."""
    try:
        then = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - then) < NEAR


def masked(value: Json, path: list[str]) -> Json:
    """Replace what stands at a path by its type's name."""
    if not path:
        return f"<random {type(value).__name__}>"
    head, *rest = path
    if isinstance(value, dict):
        return {k: masked(v, rest) if head in {k, "*"} else v for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, rest) if head in {str(i), "*"} else v for i, v in enumerate(value)]
    return value


def shuffled(value: Json, path: list[str]) -> Json:
    """Sort the list at a path by its text."""
    if isinstance(value, list) and not path:
        return sorted(value, key=lambda v: json.dumps(v, sort_keys=True))
    if isinstance(value, dict) and path:
        return {k: shuffled(v, path[1:]) if k == path[0] else v for k, v in value.items()}
    return value


def differences(real: Json, ours: Json, path: str = "") -> Iterator[str]:
    """Yield a line for each place where two values differ; numbers compare as numbers, bools as bools."""
    if is_number(real) and is_number(ours) and float(real) == float(ours):
        return
    if isinstance(real, dict) and isinstance(ours, dict):
        if is_error(real) and is_error(ours) and real["status"] >= 500 and 400 <= ours["status"] < 500:
            return  # inside of a batch; nothing may break Backstay
        for key in [*real, *(k for k in ours if k not in real)]:
            yield from differences(real.get(key, ABSENT), ours.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(real, list) and isinstance(ours, list):
        if len(real) != len(ours):
            yield f"{path}: PocketBase {briefly(real)}, Backstay {briefly(ours)}"
            return
        for index, (one, other) in enumerate(zip(real, ours, strict=True)):
            yield from differences(one, other, f"{path}.{index}")
    elif isinstance(real, bool) is not isinstance(ours, bool) or real != ours:
        yield f"{path}: PocketBase {real!r}, Backstay {ours!r}"


def briefly(items: list[Json]) -> str:
    """Print a list; of records only the ids."""
    ids = [item["id"] if isinstance(item, dict) and "id" in item else item for item in items]
    return f"{len(items)} x {ids!r}"[:600]


def order_differences(real: Json, ours: Json, path: str = "") -> Iterator[str]:
    """Yield a line for each object whose common keys stand in another order."""
    if isinstance(real, dict) and isinstance(ours, dict):
        common = [k for k in real if k in ours]
        own = [k for k in ours if k in real]
        if common != own:
            yield f"{path or '.'}: PocketBase {', '.join(common)}; Backstay {', '.join(own)}"
        for key in common:
            yield from order_differences(real[key], ours[key], f"{path}.{key}")
    elif isinstance(real, list) and isinstance(ours, list):
        for index, (one, other) in enumerate(zip(real, ours, strict=False)):
            yield from order_differences(one, other, f"{path}.{index}")


def is_any_order(step: Step) -> bool:
    """Say whether PocketBase orders the answer's keys at random, as it does where it picks fields."""
    return step.any_order or "fields=" in step.url + str(step.body)


class Outcome:
    """The two conversations of a case, compared.

    values: lines about statuses, headers and values which differ
    order:  lines about keys in another order
    """

    def __init__(self, case: Case, said: str, real: list[Answer], ours: list[Answer]) -> None:
        self.values: list[str] = []
        self.order: list[str] = []
        special = {expected.step: expected for expected in case.expected}
        left, right = Normaliser(said), Normaliser(said)
        for number, (step, one, other) in enumerate(zip(case.steps, real, ours, strict=True)):
            real_body, our_body = left.answer(step, one), right.answer(step, other)
            wanted_status = one.status
            if number in special:
                wanted_status, real_body = special[number].status, special[number].body
            elif one.status >= 500:  # no request may break Backstay, whatever it does to PocketBase
                wanted_status = min(max(other.status, 400), 499)
                real_body = Nothing()
            label = f"step {number} {step.method} {step.url} as {step.who}"
            found = list(self.compare(step, wanted_status, one, other))
            if not step.quiet and not isinstance(real_body, Nothing):
                found += differences(real_body, our_body)
                if not is_any_order(step):
                    self.order += [f"{label}: {line}" for line in order_differences(real_body, our_body)]
            self.values += [f"{label}: {line}" for line in found]

    @staticmethod
    def compare(step: Step, status: int, real: Answer, ours: Answer) -> Iterator[str]:
        """Compare statuses and the headers that the step names."""
        if status != ours.status:
            yield f"status: wanted {status}, got {ours.status} {str(ours.body)[:300]}"
        for name in step.headers_compared:
            if real.headers.get(name) != ours.headers.get(name):
                yield f"header {name}: {real.headers.get(name)!r}, {ours.headers.get(name)!r}"
