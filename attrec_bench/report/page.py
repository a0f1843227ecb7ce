"""Materials -> one HTML file that needs nothing else: no network, no library; light and dark as the reader has it."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from attrec_bench.report.attention import attention
from attrec_bench.report.dials import dials
from attrec_bench.report.forest import forest
from attrec_bench.report.hits import hits
from attrec_bench.report.learning import learning
from attrec_bench.report.part import Material, Part, element
from attrec_bench.report.search import search
from attrec_bench.report.standings import standings
from attrec_bench.results.headings import headings
from attrec_bench.results.protocols import sampled
from attrec_bench.results.tables import Table

PARTS: tuple[Callable[[Material], Part], ...] = (standings, forest, hits, learning, dials, search, attention)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""A browser that reads this loads nothing from anywhere, whatever the page says."""

FOLDER = Path(__file__).parent


def page(materials: Sequence[Material]) -> str:
    """Return the report on some tables."""
    made = [(material, [part(material) for part in PARTS]) for material in materials]
    names = ", ".join(dict.fromkeys(material.table.data["name"] for material in materials))
    title = f"attrec-bench report: {names}"
    told = _told([material.table for material in materials])
    links = "".join(_links(*each, heading) for each, heading in zip(made, told, strict=True))
    sections = "\n".join(_table(*each, heading) for each, heading in zip(made, told, strict=True))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{(FOLDER / "style.css").read_text()}</style>
</head>
<body>
<a class="skip" href="#{materials[0].key}-table">Skip to the table</a>
<header><h1>{escape(title)}</h1>
<nav aria-label="Sections">{links}</nav></header>
<main>
{sections}
</main>
<script>
{(FOLDER / "script.js").read_text()}</script>
</body>
</html>
"""


def _told(tables: Sequence[Table]) -> list[str]:
    """Return what every heading of a table's sections begins with: nothing where there is one table and no mark."""
    return headings(tables) if len(tables) > 1 or sampled(tables[0].protocol) else [""]


def _links(material: Material, parts: Sequence[Part], heading: str) -> str:
    items = "".join(f"<li>{_link(material, part, heading)}</li>" for part in parts if part.body)
    return (element("strong", heading) if heading else "") + f"<ul>{items}</ul>"


def _link(material: Material, part: Part, heading: str) -> str:
    """Return a link to a section; who hears it without what stands above is told the table, too."""
    label = f"{heading}: {part.title}" if heading else None
    return element("a", part.title, href=f"#{material.key}-{part.name}", aria_label=label)


def _table(material: Material, parts: Sequence[Part], heading: str) -> str:
    prefix = f"{heading}: " if heading else ""
    shown = "\n".join(
        f'<section id="{material.key}-{part.name}">\n{element("h2", prefix + part.title)}\n{part.body}\n</section>'
        for part in parts
        if part.body
    )
    missing = "".join(f"<li>{escape(f'{part.title}: {part.missing}')}</li>" for part in parts if part.missing)
    left = (
        f'\n<section class="missing">\n{element("h2", prefix + "Not in this report")}\n<ul>{missing}</ul>\n</section>'
    )
    return shown + (left if missing else "")
