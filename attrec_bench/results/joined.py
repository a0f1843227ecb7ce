"""Tables of several data sets under one protocol -> one grid: models as rows, a block of columns for each data set.

Nothing is computed anew: every value, place and mark is that of the data set's own table. A row is found in another
table by its label; where it was not run there stands a dash.
"""

from collections.abc import Mapping, Sequence

from attrec_bench.results import captions
from attrec_bench.results.draws import shared
from attrec_bench.results.grid import IMPROVEMENT, Block, Grid, Line, Shown, grid_of, sources
from attrec_bench.results.grouping import grouped
from attrec_bench.results.labels import differing, settings_of
from attrec_bench.results.record import digest
from attrec_bench.results.tables import CEILING, FLOOR, MODEL, Table
from attrec_bench.results.verdicts import marks_explained, marks_of_several

NOT_RUN = Shown("-")
KINDS = (FLOOR, MODEL, CEILING, IMPROVEMENT)
GAIN = "Improv."

Key = tuple[str, str]
"""Kind and label of a line; all improvements are one line."""


def side_by_side(tables: Sequence[Table]) -> list[Grid]:
    """Return a grid for each protocol, in the order of the first table of each."""
    by_protocol = grouped(tables, lambda table: digest(shared(table.subject.records[0].config["protocol"])))
    return [grid_of(group[0]) if len(group) == 1 else _joined(group) for group in by_protocol]


def _joined(tables: Sequence[Table]) -> Grid:
    grids, titles = list(map(grid_of, tables)), _titles(tables)
    held = [{_key(line): line for line in grid.lines} for grid in grids]
    widths = [len(grid.blocks[0].columns) for grid in grids]
    lines = tuple(_line(key, held, widths) for key in _order(held))
    headline = f"{captions.headline([table.subject for table in tables], tables[0].metrics)}."
    families = {title: table.family for title, table in zip(titles, tables, strict=True) if table.family}
    notes = [_own_notes(table) for table in tables]
    return Grid(
        tables=tuple(tables),
        blocks=tuple(Block(title, grid.blocks[0].columns) for title, grid in zip(titles, grids, strict=True)),
        seeds=max((grid.seeds for grid in grids), key=len),
        lines=lines,
        sentences=(headline, *_sentences(titles, [table.sentences[1:] for table in tables])),
        background=tuple(_sentences(titles, [table.background for table in tables])),
        notes=(
            *sources(tables),
            *marks_of_several(families, tables[0].metrics[0]),
            *_gains(titles, tables),
            *_not_everywhere(held),
            *_unequal_settings(tables),
            *_paragraphs(titles, notes),
        ),
        details=tuple(_paragraphs(titles, [table.details for table in tables])),
    )


def _key(line: Line) -> Key:
    return line.kind, GAIN if line.kind == IMPROVEMENT else line.cells[0].text


def _order(held: Sequence[Mapping[Key, Line]]) -> list[Key]:
    """The first table's order; what only a later one has stands behind what it follows there."""
    order: list[Key] = []
    for lines in held:
        before: Key | None = None
        for key in lines:
            if key not in order:
                first = sum(KINDS.index(kind) < KINDS.index(key[0]) for kind, _ in order)
                follows = before is not None and before[0] == key[0]
                order.insert(order.index(before) + 1 if before is not None and follows else first, key)
            before = key
    return order


def _line(key: Key, held: Sequence[Mapping[Key, Line]], widths: Sequence[int]) -> Line:
    kind, _ = key
    found = [lines.get(key) for lines in held]
    labels = dict.fromkeys(line.cells[0].text for line in found if line is not None)
    empty = Shown("") if kind == IMPROVEMENT else NOT_RUN
    cells = [
        cell
        for line, width in zip(found, widths, strict=True)
        for cell in ([empty] * width if line is None else line.cells[1:-1])
    ]
    label = Shown(next(iter(labels)) if len(labels) == 1 else GAIN)
    return Line(kind, (label, *cells, _seeds(found)))


def _seeds(found: Sequence[Line | None]) -> Shown:
    """Return the number of seeds, or where it is not the same on all data sets that of each, 0 for none."""
    numbers = [None if line is None else line.cells[-1].text for line in found]
    told = dict.fromkeys(number for number in numbers if number is not None)
    return Shown(next(iter(told)) if len(told) == 1 else " / ".join(number or "0" for number in numbers))


def _own_notes(table: Table) -> list[str]:
    """Return the notes of a table but that on its marks, which is told for all together."""
    explained = marks_explained(table.family, table.metrics[0]) if table.family else []
    return [note for note in table.notes if note not in explained]


def _gains(titles: Sequence[str], tables: Sequence[Table]) -> list[str]:
    """Return whose improvement over what it is, where that is not the same on all data sets."""
    by_pair: dict[str, list[str]] = {}
    for title, table in zip(titles, tables, strict=True):
        if table.improvement is not None:
            by_pair.setdefault(f"of {table.improvement.model} over {table.improvement.baseline}", []).append(title)
    told = "; ".join(f"on {captions.listed(where)} {pair}" for pair, where in by_pair.items())
    return [f"{GAIN} is {told}"] if len(by_pair) > 1 else []


def _not_everywhere(held: Sequence[Mapping[Key, Line]]) -> list[str]:
    keys = [key for key in _order(held) if key[0] != IMPROVEMENT]
    absent = any(key not in lines for key in keys for lines in held)
    return ["A dash stands where a model was not run on that data set"] if absent else []


def _unequal_settings(tables: Sequence[Table]) -> list[str]:
    """Return which rows have not the same settings on all data sets, as where each data set had its own search."""
    settings: dict[str, list[dict[str, object]]] = {}
    for table in tables:
        for row in table.rows:
            settings.setdefault(row.label, []).append(settings_of(row.records[0]))
    apart = {label: differing(each) for label, each in settings.items()}
    told = "; ".join(f"{label} in {', '.join(keys)}" for label, keys in apart.items() if keys)
    return [f"Settings are not the same on all data sets: {told}"] if told else []


def _paragraphs(titles: Sequence[str], parts: Sequence[Sequence[str]]) -> list[str]:
    """Return what is said of all data sets once, and all else with the data sets that it is said of."""
    return [f"{where}{each}" for where, told in _told(titles, parts).items() for each in told]


def _sentences(titles: Sequence[str], parts: Sequence[Sequence[str]]) -> list[str]:
    """Return the same as running text, which names the data sets once for all that is said of them."""
    return [f"{where}{' '.join(told)}" for where, told in _told(titles, parts).items()]


def _told(titles: Sequence[str], parts: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """What each table says -> "" or "On a and b: " -> what is said there; that of all tables comes first."""
    said: dict[str, dict[str, None]] = {}
    for title, words in zip(titles, parts, strict=True):
        for each in words:
            said.setdefault(each, {})[title] = None
    found: dict[str, list[str]] = {"": []}
    for each, where in said.items():
        prefix = "" if len(where) == len(titles) else f"On {captions.listed(list(where))}: "
        found.setdefault(prefix, []).append(each)
    return {where: told for where, told in found.items() if told}


def _titles(tables: Sequence[Table]) -> list[str]:
    """Return what the data sets are called; of one name and the same settings, as a file that has changed, by sums."""
    titles = [table.subject.title for table in tables]
    sums = [f"{title} (sha256 {table.data['sha256'][:8]})" for title, table in zip(titles, tables, strict=True)]
    return [each if titles.count(title) > 1 else title for title, each in zip(titles, sums, strict=True)]
