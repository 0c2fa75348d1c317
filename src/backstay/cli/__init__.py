"""The `backstay` command: one file a command, and here what they share with the shell.

Built on click rather than Typer, which now brings pydantic: 25 ms and 12 MB to a parsed command instead of 105 ms
and 26 MB, and the serving process keeps that memory. Granian requires click anyway.
Modules here import nothing heavy at their top; commands load what they need when they run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from backstay import __version__
from backstay.cli.demo import demo
from backstay.cli.files import files
from backstay.cli.import_pocketbase import import_pocketbase
from backstay.cli.import_rows import import_group
from backstay.cli.jobs import jobs
from backstay.cli.move import move
from backstay.cli.new import new
from backstay.cli.schema import schema
from backstay.cli.serve import serve
from backstay.cli.superuser import superuser
from backstay.cli.worker import worker
from backstay.errors import SetupError

__all__ = ["backstay", "main", "run"]

USAGE_EXIT = 2
SETUP_EXIT = 1
INTERRUPTED_EXIT = 130


@click.group(no_args_is_help=False, invoke_without_command=True)
@click.version_option(__version__, message="backstay %(version)s")
@click.pass_context
def backstay(context: click.Context) -> None:
    """The back end of a website in one Python package."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (serve, worker, superuser, import_group, files, jobs, schema, move, new, demo):
    backstay.add_command(_command)
import_group.add_command(import_pocketbase)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    os.umask(0o077)  # what we make is for its owner alone: the database holds password hashes
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what went wrong stands on stderr in three lines."""
    try:
        code = backstay.main(list(arguments), prog_name="backstay", standalone_mode=False)
    except SetupError as exc:
        click.echo(str(exc), err=True)
        return SETUP_EXIT
    except click.UsageError as exc:
        click.echo(str(_usage_error(exc)), err=True)
        return USAGE_EXIT
    except click.ClickException as exc:
        click.echo(str(SetupError(exc.format_message(), why="see above", do="backstay --help")), err=True)
        return SETUP_EXIT
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return INTERRUPTED_EXIT
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return SETUP_EXIT
    return code if isinstance(code, int) else 0


def _usage_error(exc: click.UsageError) -> SetupError:
    path = exc.ctx.command_path if exc.ctx else "backstay"
    message = exc.format_message().rstrip(".")
    return SetupError(
        message[:1].lower() + message[1:],
        why=f"'{path}' does not take that",
        do=f"{path} --help shows what it takes",
    )
