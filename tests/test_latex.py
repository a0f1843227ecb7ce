"""What only LaTeX has: signs of its own, labels."""

import re
from dataclasses import replace

from attrec_bench.results.against import compared
from attrec_bench.results.formats import render
from tests.records import contest, house, make_record, one


def test_latex_tells_minus_and_hyphen_apart_and_has_signs_of_its_own() -> None:
    said = "x -0.1 [-.2, +0.3], lr=-4, p <= 2e-05, n >= 3, uniform-100, seeds 0-4, ml-1m, a - b, no-1"
    made = render([replace(one([make_record()]), notes=(said,))], "latex")
    expected = (
        r"x $-$0.1 [$-$.2, +0.3], lr=$-$4, p $\leq$ 2e$-$05, n $\geq$ 3, uniform-100, seeds 0-4, ml-1m, a - b, no-1"
    )
    assert expected in made
    worse = [replace(each, ranks=each.ranks[::-1] + 37) if each.model == "attrec" else each for each in contest()]
    (table,) = compared([one(worse)], against="caser")
    assert re.search(r"Improv\. of attrec over caser & \$-\$\d+\.\d\\%", render([table], "latex"))


def test_latex_tables_have_labels_of_their_own() -> None:
    made = [one(house()), one(house(protocol={"tie_order": "item"})), one(house(data={"name": "my_data (2)"}))]
    labels = re.findall(r"\\caption\{.*\}\\label\{(.*)\}", render(made, "latex"))
    assert labels == ["tab:ml-100k", "tab:ml-100k-2", "tab:my-data-2"]
