"""Groups of commands for nouns that are a command themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click.core import Context

_ORDER = (
    *("up", "doctor", "status"),
    *("import", "imports", "errors"),
    *("projects", "datasets", "ontologies", "models", "runs", "configs"),
    *("metrics", "rows", "export"),
    *("dead-letters", "rebuild", "log"),
)

OTHERWISE = "run"
"""The command that is meant where none is named."""


class InOrder(TyperGroup):
    """Commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Their names; those that aren't listed here come last."""
        known = {name: place for place, name in enumerate(_ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: known.get(name, len(known)))


class OrOfARun(TyperGroup):
    """`rows RUN` next to `rows list` and the like: what is no command's name is the name of a run."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Put in the command where it was left out."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [OTHERWISE, *args]
        return super().parse_args(ctx, args)
