"""What only LaTeX has: signs of its own, labels, a compiler."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attrec_bench.results.against import compared
from attrec_bench.results.formats import render
from attrec_bench.results.publications import with_published
from attrec_bench.results.record import Record
from attrec_bench.results.tables import tables
from tests.records import contest, house, make_record, one, published_value
from tests.test_formats import NASTY, marked


def test_latex_tells_minus_and_hyphen_apart_and_has_signs_of_its_own() -> None:
    said = "x -0.1 [-.2, +0.3], lr=-4, p <= 2e-05, n >= 3, uniform-100, seeds 0-4, ml-1m, a - b, no-1"
    made = render([replace(one([make_record()]), notes=(said,))], "latex")
    expected = (
        r"x $-$0.1 [$-$.2, +0.3], lr=$-$4, p $\leq$ 2e$-$05, n $\geq$ 3, uniform-100, seeds 0-4, ml-1m, a - b, no-1"
    )
    assert expected in made
    worse = [replace(each, ranks=each.ranks[::-1] + 37) if each.model == "attrec" else each for each in contest()]
    (table,) = compared([one(worse)], against="caser")
    (gain,) = [line for line in render([table], "latex").splitlines() if "Improv" in line]
    assert re.search(r"Improv\. of attrec\\\\over caser\} & \\multicolumn\{2\}\{c\}\{\$-\$\d+\.\d\\%\}", gain)


def test_latex_tables_have_labels_of_their_own() -> None:
    made = [one(house()), one(house(protocol={"tie_order": "item"})), one(house(data={"name": "my_data (2)"}))]
    labels = re.findall(r"\\caption\{.*\}\\label\{(.*)\}", render(made, "latex"))
    assert labels == ["tab:ml-100k", "tab:ml-100k-2", "tab:my-data-2"]


COMPILERS = {
    "pdflatex": ["pdflatex", "-interaction=nonstopmode", "-halt-on-error"],
    "tectonic": ["tectonic", "--only-cached", "--keep-logs"],
}
COMPILER = next((command for name, command in COMPILERS.items() if shutil.which(name)), None)


@pytest.mark.skipif(COMPILER is None, reason="the LaTeX of the tables is NOT compiled: neither pdflatex nor tectonic")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_latex_compiles(columns: str, tmp_path: Path) -> None:
    house_and_more = [*house(data={"name": "wide"}), make_record(NASTY, data={"name": "wide"})]
    wide = one(house_and_more, ("HR@1", "HR@5", "HR@10", "HR@20", "NDCG@10", "MRR"))  # wider than the text
    (usual,) = with_published(compared(tables(seeded())), [published_value(metric="HR@50", value=0.25)])
    made = [wide, one(house(data={"name": f"my\n\n{NASTY}"})), marked(), replace(usual, typed="usual")]
    pair = compared(tables([*seeded(), *seeded(data={"name": "b", "sha256": "cd" * 32})], joined=True))
    body = f"\\begin{{document}}{render(made, 'latex')}{render(pair, 'latex', joined=True)}\\end{{document}}"
    (tmp_path / "table.tex").write_text(rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs,graphicx}}{body}")
    command = [*(COMPILER or []), "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "table.log").read_text(errors="replace")
    assert "Overfull" not in log
    # six metrics are too many for either page, as are twice four; four are one too many for the narrow one
    shrunk = re.findall(r"Table tab:([\w-]+) is shrunk", log)
    assert shrunk == (["wide", "b-ml-100k"] if columns == "twocolumn" else ["wide", "usual", "b-ml-100k"])


def seeded(**fields: Any) -> list[Record]:
    """A contest over two seeds that differ: every cell of a model has its interval, some have two marks."""
    again = [
        make_record(
            each.model, 1, ranks=list(each.ranks + 4), keywords={"_target_": each.config["model"]["_target_"]}, **fields
        )
        for each in contest()
        if each.model != "popularity"
    ]
    return [*contest(**fields), *again]
