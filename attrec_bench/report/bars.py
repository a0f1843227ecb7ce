"""Shares -> a table with a bar in each line."""

from collections.abc import Sequence

from attrec_bench.report.part import box, element

WIDTH = 140.0


def bars(caption: str, head: tuple[str, str], rows: Sequence[tuple[str, float]]) -> str:
    """(label, share in [0, 1]) -> a table; a bar over its whole track would be all there is."""
    lines = "\n".join(
        f'<tr>{element("th", label, scope="row")}<td class="bar">{_bar(share)}</td>{element("td", f"{share:.1%}")}</tr>'
        for label, share in rows
    )
    first = element("th", head[0], scope="col")
    second = element("th", head[1], scope="col", colspan=2)
    head_line = f"{element('caption', caption)}<thead><tr>{first}{second}</tr></thead>"
    return box(f"<table>{head_line}\n<tbody>\n{lines}\n</tbody></table>", caption)


def _bar(part: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} 12" aria-hidden="true"><path class="track" d="M0 1h{WIDTH:g}v10h-{WIDTH:g}z"/>'
        f'<path class="length" d="M0 1h{part * WIDTH:.1f}v10h-{part * WIDTH:.1f}z"/></svg>'
    )
