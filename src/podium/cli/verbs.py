"""`podium`: the application, and the edge where errors become one line and an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from podium.cli import alarm, asking, by_hand, chores, contestants, every_day, served, steps, workplace
from podium.cli.console import complain
from podium.environment import collect_seldom, keep_private
from podium.errors import PodiumError
from podium.settings.wording import reason, shown

EXIT_INTERRUPTED = 130
USAGE_ERROR: Any = typer.BadParameter.__bases__[0]  # typer carries its own click and names only this child of it


VERBS: Mapping[str, Sequence[Callable[..., None]]] = {
    "The championship": (steps.ingest, steps.preprocess, steps.train, steps.evaluate, steps.run),
    "Every day": (every_day.daily, every_day.days),
    "What it says": (asking.status, asking.forecast, asking.report, asking.simulate),
    "The title by hand": (by_hand.promote, by_hand.rollback, by_hand.titles, by_hand.history),
    "Serving": (served.serve, served.ledger, served.settle, served.ab, served.key),
    "Contestants": (contestants.contestants,),
    "Upkeep": (alarm.alarm, chores.doctor, chores.backup, chores.restore, chores.prune, chores.migrate),
    "This folder": (workplace.settings, workplace.ui, workplace.upgrade, workplace.reset),
}


class Verbs(TyperGroup):
    """The verbs by what they are for, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs in their order; long sentences go on over two lines rather than end in dots."""
        for group, verbs in VERBS.items():
            named = [self.get_command(ctx, verb.__name__) for verb in verbs]
            with formatter.section(group):
                formatter.write_dl([(verb.name, (verb.help or "").split("\n\n")[0]) for verb in named if verb])


app = typer.Typer(
    name="podium",
    cls=Verbs,
    help="A forecasting championship on MLflow: train, score on the same days, rank, alias, serve.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def podium(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """A forecasting championship on MLflow: train, score on the same days, rank, alias, serve.

    Settings come from flags, else variables PODIUM_<NAME> (MLFLOW_TRACKING_URI and its kin for MLflow), else
    podium.toml, else defaults. Exit codes: 0 done, 1 failed, 2 wrong input, 4 source of rates, 5 an earlier step is
    missing, 6 registry, 7 ledger, 8 rates are late, 130 interrupted; 3 is a verdict that needs a person.
    """
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"podium {installed('podium')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for verb in chain.from_iterable(VERBS.values()):
    app.command(verb.__name__)(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave the process with its exit code."""
    collect_seldom()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows no umlaut still gets the rest
    exit_code = run(arguments)
    gc.disable()
    gc.freeze()  # the process ends; Python would look through a million objects first, for half a second
    sys.exit(exit_code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: without the program's name; those of the process if None.

    Returns:
        The exit code.
    """
    keep_private()
    try:
        exit_code = int(app(args=arguments, prog_name="podium", standalone_mode=False) or 0)
    except PodiumError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        exit_code = EXIT_INTERRUPTED
    except typer.Abort as aborted:
        if aborted.__cause__ is not None:  # typer takes any end of a file, a damaged one's too, for that of a prompt
            raise aborted.__cause__ from None
        exit_code = EXIT_INTERRUPTED
    except USAGE_ERROR as error:
        verb = error.ctx.command_path if error.ctx else "podium"
        complain(f"{_in_our_words(error).rstrip('.')}; see `{verb} --help`")
        return int(error.exit_code)
    except BrokenPipeError:
        _leave_output()  # whoever read it has gone; there is nobody to tell
        return 1
    except OSError as error:  # a folder that is a file or cannot be written, a disk that is full
        if error.errno is None:  # a library's own, of which nothing is known
            raise
        complain(_about(error))
        return 1
    if exit_code == EXIT_INTERRUPTED:  # which typer makes of Ctrl-C
        complain("interrupted; what was completed is kept, and running the same verb again goes on from there")
    return exit_code


def _in_our_words(error: Any) -> str:
    """A usage error; of a value that cannot be read typer says what pydantic says."""
    said, cause = str(error.format_message()), error.__cause__ or error.__context__
    if not isinstance(cause, ValidationError):
        return said
    item = cause.errors()[0]
    return f"{said.partition(':')[0]}: {shown(item['input'])}: {reason(item)}"


def _about(error: OSError) -> str:
    """What the system refused, and of which file."""
    reason = error.strerror or str(error) or type(error).__name__
    try:
        sys.stdout.flush()
    except OSError:
        _leave_output()
    if error.filename is not None:
        name = os.fsdecode(error.filename)
        return f"{name} cannot be used ({reason}); see that it may be read and written, or name another"
    return f"the answer or a file cannot be written ({reason}); see where standard output goes"


def _leave_output() -> None:
    """Let what is still to be printed go nowhere: Python would try again at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
