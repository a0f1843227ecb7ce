"""The benchmark's own arithmetic, by hand."""

import time

import pytest

from tests.benchmarks.clock import Cost, tell, timed, told
from tests.benchmarks.environments import OWN
from tests.benchmarks.jobs import Job
from tests.benchmarks.peers.history import History
from tests.benchmarks.table import lines, times, verdict
from tests.benchmarks.works import EPOCH, Peer, Work
from tests.small import histories


def test_a_limit_is_kept_or_missed() -> None:
    assert verdict(10, at_most=10).split() == ["<=", "10", "ok"]
    assert verdict(10.1, at_most=10).split() == ["<=", "10", "MISSED"]
    assert verdict(3.3, at_least=3.3).split() == [">=", "3.3", "ok"]
    assert verdict(3.2, at_least=3.3).split() == [">=", "3.3", "MISSED"]
    assert verdict(1) == ""


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # 10/1, 40/8 and 18/3; the ratio of the medians would be 18/3
    theirs, ours = ([Cost(cpu, 0) for cpu in row] for row in ((10, 40, 18), (1, 8, 4)))
    assert times(theirs, ours) == 5


def test_a_share_is_scaled_to_the_whole() -> None:
    cost = timed(lambda: time.sleep(0.02), share=0.1)
    assert cost.share == 0.1
    assert cost.wall >= 0.2
    assert cost.cpu < cost.wall


def test_costs_are_read_as_they_were_told(capsys: pytest.CaptureFixture[str]) -> None:
    print("a peer's chatter")
    tell(epoch=Cost(1.5, 2.0, 0.25))
    assert told(capsys.readouterr().out.splitlines()) == {"epoch": Cost(1.5, 2.0, 0.25)}


def test_a_peer_that_is_missing_says_why() -> None:
    job = Job("theirs", OWN, "none")
    shown = list(lines(Work("an epoch", EPOCH, job, 2), [Cost(1, 1)], [(Peer(job, 3), "no wheel"), (Peer(job), "")]))
    assert shown[0] == "an epoch"
    assert shown[1].endswith("<= 2  ok")
    assert shown[2].endswith("not measured: no wheel")


def test_windows_of_a_history_worked_by_hand() -> None:
    data = histories([[1, 2, 3], [4], [5, 6]], n_items=6)
    events = History(data.users, data.items, data.n_users, data.n_items)
    users, windows, targets = events.windows(2)
    assert users.tolist() == [0, 0, 2]
    assert windows.tolist() == [[0, 1], [1, 2], [0, 5]]
    assert targets.tolist() == [2, 3, 6]
    assert events.before(1).items.tolist() == [1, 2, 5]
