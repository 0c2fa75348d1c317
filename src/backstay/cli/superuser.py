"""`backstay superuser`: make, change and remove the accounts which may do everything.

Works on the data folder itself, so it helps when nobody can sign in any more; the server may run meanwhile.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from backstay.cli.settings import data_folder, data_option, database, json_option
from backstay.errors import NotFound, RequestError, SetupError
from backstay.faults import setup_error
from backstay.folders import ensure_data_folder

Command = TypeVar("Command", bound=Callable[..., object])


@click.group()
def superuser() -> None:
    """Create, update, upsert or delete a superuser."""


def _takes_email(command: Command) -> Command:
    for decorate in (json_option, data_option("data"), click.argument("email")):
        command = decorate(command)
    return command


_takes_password = click.argument("password", required=False)


@superuser.command()
@_takes_email
@_takes_password
def create(email: str, password: str | None, data: str | None, as_json: bool) -> None:
    """Create a superuser. PASSWORD is asked for when missing; '-' reads it from standard input."""
    _change("create", email, _password(password), data=data, as_json=as_json)


@superuser.command()
@_takes_email
@_takes_password
def update(email: str, password: str | None, data: str | None, as_json: bool) -> None:
    """Give a superuser a new password; all of its tokens end."""
    _change("update", email, _password(password), data=data, as_json=as_json)


@superuser.command()
@_takes_email
@_takes_password
def upsert(email: str, password: str | None, data: str | None, as_json: bool) -> None:
    """Create a superuser, or give it a new password when it exists."""
    _change("upsert", email, _password(password), data=data, as_json=as_json)


@superuser.command()
@_takes_email
def delete(email: str, data: str | None, as_json: bool) -> None:
    """Delete a superuser."""
    _change("delete", email, "", data=data, as_json=as_json)


def _password(given: str | None) -> str:
    """Return the password; ask for it, hidden and twice, at a terminal."""
    if given == "-":
        return sys.stdin.readline().rstrip("\n")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise SetupError(
            "there is no password",
            why="none was given, and there is no terminal to ask at",
            do="give it after the e-mail, or '-' there and the password on standard input",
        )
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def _cure(exc: RequestError, verb: str, email: str) -> str | None:
    if exc.faults:
        return None
    if exc.status == NotFound.status:
        return "check the e-mail address" if verb == "delete" else f"backstay superuser create {email}"
    if verb == "create":
        return f"backstay superuser update {email}"
    return "backstay superuser create with another e-mail first" if verb == "delete" else None


DONE = {"create": "Created", "update": "Updated", "upsert": "Saved", "delete": "Deleted"}


def _change(verb: str, email: str, password: str, *, data: str | None, as_json: bool) -> None:
    import asyncio

    from backstay.site import open_site

    folder = data_folder(data)
    ensure_data_folder(folder)

    async def change() -> None:
        async with open_site(folder, database=database()) as site:
            await site.change_superuser(verb, email, password)

    try:
        asyncio.run(change())
    except RequestError as exc:
        raise setup_error(exc, what=f"cannot {verb} superuser '{email}'", do=_cure(exc, verb, email)) from exc
    click.echo(
        json.dumps({"action": verb, "email": email}) if as_json else f"{DONE[verb]} superuser {email}."
    )
