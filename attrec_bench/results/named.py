"""A name that was typed -> the row of a table that it means, or the note that tells that there is none."""

from attrec_bench.results.tables import Row, Table

NOT_COMPARED = "Not compared with"
"""How a note begins that says why there is no comparison."""


def named(table: Table, name: str) -> Row | None:
    """Return the row with this label, typed or shown, or the only row of this model."""
    by_label = [row for row in table.rows if row.typed == name] or [row for row in table.rows if row.label == name]
    by_model = [row for row in table.rows if row.model == name]
    return by_label[0] if by_label else by_model[0] if len(by_model) == 1 else None


def absent(table: Table, against: str | None, ours: str | None) -> list[str]:
    """Return a note for each of the two that was asked for and names no row here: another table may have it."""
    said = {NOT_COMPARED: against, "No improvement is told of": ours}
    return [f"{what} {name}, {_why(table, name)}" for what, name in said.items() if name and not named(table, name)]


def why_not(table: Table) -> str:
    """Return the notes that say which rows were not compared and why; nothing where there are none."""
    return "; ".join(note for note in table.notes if note.startswith(NOT_COMPARED))


def _why(table: Table, name: str) -> str:
    several = [row.typed for row in table.rows if row.model == name]
    return f"of which there are several rows here: {'; '.join(several)}" if several else "of which there is no row here"
