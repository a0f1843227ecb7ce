"""What is the user's own code, where in it an error arose, and that its base classes are part of a run's identity."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch

from attrec_bench.configuration import explained
from attrec_bench.outside import files_of, is_own, place_of
from attrec_bench.results.code import code_version
from baselines.sasrec import SASRec

HELPER = """
def fail(text):
    import json
    return json.loads(text)
"""
OWN = """
import torch
from helper import fail
from common import Base
import baselines.bprmf

class Mine(Base):
    def loss(self, batch):
        return fail("[")

class Ours(baselines.bprmf.BPRMF):
    pass
"""
COMMON = """
from torch import nn

class Base(nn.Module):
    maxlen = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the user works in, with three files of hers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in {"helper.py": HELPER, "own.py": OWN, "common.py": COMMON}.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    forget()


def forget() -> None:
    for name in ("helper", "own", "common", "broken"):
        sys.modules.pop(name, None)


def test_files_of_python_libraries_and_this_package_are_not_the_users(folder: Path) -> None:
    for file in (json.__file__, torch.__file__, pytest.__file__, str(Path(is_own.__code__.co_filename)), "<string>"):
        assert not is_own(Path(file)), file
    assert not is_own(Path(sys.modules[SASRec.__module__].__file__ or ""))
    assert not is_own(folder / "nowhere.py")
    assert is_own(folder / "own.py")
    assert is_own(Path("own.py"))


def test_an_error_is_told_with_the_innermost_line_of_the_users_own(folder: Path) -> None:
    kind = import_module("own").Mine
    with pytest.raises(json.JSONDecodeError) as caught:
        kind().loss(None)
    assert place_of(caught.value) == "helper.py:4, in fail"
    wrapped = RuntimeError("a job failed")
    wrapped.__cause__ = caught.value
    line = explained(wrapped)
    assert line == "helper.py:4, in fail: JSONDecodeError: Expecting value: line 1 column 2 (char 1)"


def test_a_file_elsewhere_is_named_in_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = import_module("own").Mine
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    with pytest.raises(json.JSONDecodeError) as caught:
        kind().loss(None)
    assert place_of(caught.value) == f"{folder / 'helper.py'}:4, in fail"


def test_a_mistake_in_the_language_names_its_line(folder: Path) -> None:
    (folder / "broken.py").write_text("x = 1\ndef y(\n")
    with pytest.raises(SyntaxError) as caught:
        import_module("broken")
    assert place_of(caught.value) == "broken.py:2"


def test_an_error_of_the_suite_or_a_library_has_no_place() -> None:
    error = json.JSONDecodeError("odd", "[", 0)
    assert place_of(error) is None
    assert explained(error) is None


def test_the_files_of_a_class_are_those_of_its_own_bases(folder: Path) -> None:
    own = import_module("own")
    assert [file.name for file in files_of(own.Mine)] == ["own.py", "common.py"]
    assert [file.name for file in files_of(own.Ours)] == ["own.py", "bprmf.py"]
    assert [file.name for file in files_of(SASRec)] == ["sasrec.py"]


def code_of(name: str) -> str:
    """The version of a class that is imported anew, as by another process."""
    forget()
    from attrec_bench.results.code import meaning

    meaning.cache_clear()
    return code_version(getattr(import_module("own"), name))


def test_a_base_class_in_another_file_is_part_of_a_models_identity(folder: Path) -> None:
    mine, ours = code_of("Mine"), code_of("Ours")
    (folder / "common.py").write_text(f'"""A docstring is no code."""\n{COMMON}')
    assert (code_of("Mine"), code_of("Ours")) == (mine, ours)
    (folder / "common.py").write_text(COMMON.replace("maxlen = 3", "maxlen = 4"))
    assert code_of("Mine") != mine
    assert code_of("Mine")[:8] == mine[:8], "what every run goes through is the same"
    assert code_of("Ours") == ours, "it has no class of that file"
    (folder / "own.py").write_text(OWN + "\nx = 1\n")
    assert code_of("Ours") != ours


def test_the_models_of_the_suite_keep_the_version_of_their_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version(SASRec)
    monkeypatch.setattr("attrec_bench.results.code.files_of", lambda kind: [])
    assert code_version(SASRec) == before
