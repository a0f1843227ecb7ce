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

PARTS: tuple[Callable[[Material], Part], ...] = (standings, forest, hits, learning, dials, search, attention)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""A browser that reads this loads nothing from anywhere, whatever the page says."""

FOLDER = Path(__file__).parent


def page(materials: Sequence[Material]) -> str:
    """Return the report on some tables."""
    made = [(material, [part(material) for part in PARTS]) for material in materials]
    names = ", ".join(dict.fromkeys(material.table.data["name"] for material in materials))
    title = f"attrec-bench report: {names}"
    links = "".join(_links(material, parts, len(materials) > 1) for material, parts in made)
    sections = "\n".join(_table(material, parts, len(materials) > 1) for material, parts in made)
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


def _name(material: Material) -> str:
    """Return the data and the protocol, as of several tables each needs both."""
    return f"{material.table.data['name']}, {material.table.protocol['name']}"


def _links(material: Material, parts: Sequence[Part], several: bool) -> str:
    items = "".join(
        f"<li>{element('a', part.title, href=f'#{material.key}-{part.name}')}</li>" for part in parts if part.body
    )
    return (element("strong", _name(material)) if several else "") + f"<ul>{items}</ul>"


def _table(material: Material, parts: Sequence[Part], several: bool) -> str:
    prefix = f"{_name(material)}: " if several else ""
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
