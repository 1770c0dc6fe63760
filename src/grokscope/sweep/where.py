"""The rows of a table that a person asks for, in the words of SQL."""

import re

import polars as pl

from grokscope.errors import BadInput, brief

WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_][\w]*(?:\.\w+)*")


def where(table: pl.DataFrame, condition: str | None) -> pl.DataFrame:
    """The rows that meet a condition, as `lr < 0.01 and task.p = 59`; `grokked` alone: those that
    have such a value. Raises `BadInput` for what is no condition on these columns."""
    if condition is None:
        return table
    text = condition.strip()
    if text in table.columns and table.schema[text] != pl.Boolean:
        return table.filter(pl.col(text).is_not_null())
    asked = WORD.sub(lambda word: _name(word[0], table.columns), text)
    try:
        return pl.SQLContext({"sweep": table}, eager=True).execute(
            f"SELECT * FROM sweep WHERE {asked}"
        )
    except (pl.exceptions.PolarsError, pl.exceptions.SQLSyntaxError) as error:
        raise BadInput(
            f"`{brief(text)}` is no condition on this table ({brief(str(error), 200)}). Write one "
            f'of SQL, as in "lr < 0.01 and seed = 3"; its columns: {", ".join(table.columns)}.'
        ) from None


def _name(word: str, columns: list[str]) -> str:
    """A word as SQL takes it: a column in quotes, whatever that word means elsewhere."""
    return f'"{word}"' if word in columns else word
