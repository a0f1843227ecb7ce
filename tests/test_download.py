import hashlib
import io
import multiprocessing
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep

import pytest

from attrec_bench.data import download
from attrec_bench.data.locate import VARIABLE, locate
from attrec_bench.errors import InputError

UDATA = "1\t5\t3\t10\n1\t6\t4\t11\n2\t5\t1\t12\n"


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without the time of day: the same sum every time
    return out.getvalue()


ARCHIVE = zipped(
    **{"set/u.data": UDATA, "set/u.item": "5|Five|x\n6|Six|y\n", "../../evil": "x", "padding": "z" * 300_000}
)
SUM = hashlib.sha256(ARCHIVE).hexdigest()


@dataclass
class Site:
    """A file on a loopback server that can be told to misbehave, and the Range headers that it was asked with."""

    content: bytes = ARCHIVE
    cut: list[int] = field(default_factory=list)  # after how many bytes to hang up, answer by answer
    ranges: bool = True
    status: int = 200
    pause: float = 0.0
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers["Range"]
        self.asked.append(wanted)
        sleep(self.pause)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        status = self.status if self.status != 200 or not start else (206 if start < len(self.content) else 416)
        body = self.content[start:] if status in {200, 206} else b""
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.cut.pop(0)] if self.cut else body)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    told = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.answer(self)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/set.zip"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("attrec_bench.data.locate.user_cache_dir", lambda _: str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "cache" / "set"


def find(site: Site, sha256: str = SUM) -> Path:
    files, members = ["u.data", "other.csv"], ["set/u.data", "set/u.item"]
    return locate(name="set", folder="set", path=None, files=files, url=site.url, sha256=sha256, members=members)


def left(cache: Path) -> list[str]:
    return sorted(file.name for file in cache.iterdir() if file.name not in (".lock", download.SUMS))


def test_download_unpacks_the_members_and_nothing_else(site: Site, cache: Path) -> None:
    assert find(site) == cache / "u.data"
    assert left(cache) == ["u.data", "u.item"]
    assert (cache / "u.data").read_text() == UDATA
    assert sorted(file.name for file in cache.parent.parent.iterdir()) == ["cache"]
    assert find(site) == cache / "u.data"
    assert site.asked == [None]  # the second time it came from the cache


def test_a_member_with_a_path_out_of_the_folder_stays_in_it(site: Site, cache: Path) -> None:
    cache.mkdir(parents=True)
    archive = cache / "a.zip"
    archive.write_bytes(ARCHIVE)
    download.unpack(archive, ["../../evil"], cache)
    assert left(cache) == ["a.zip", "evil"]


def test_a_cut_connection_is_resumed(site: Site, cache: Path) -> None:
    site.cut = [1000, 500]
    assert find(site).read_text() == UDATA
    assert site.asked == [None, "bytes=1000-", "bytes=1500-"]


def test_what_an_earlier_run_got_is_kept(site: Site, cache: Path) -> None:
    site.cut = [100] * download.ATTEMPTS
    with pytest.raises(InputError, match=rf"connection closed after 400 of {len(ARCHIVE)} bytes; 400 bytes are kept"):
        find(site)
    assert left(cache) == ["set.zip.part"]
    assert find(site).read_text() == UDATA
    assert site.asked[-1] == "bytes=400-"


def test_a_server_without_ranges_sends_it_all_again(site: Site, cache: Path) -> None:
    site.cut, site.ranges = [1000], False
    assert find(site).read_text() == UDATA
    assert site.asked == [None, "bytes=1000-"]


def test_a_part_that_was_already_whole(site: Site, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "set.zip.part").write_bytes(ARCHIVE)
    assert find(site).read_text() == UDATA
    assert site.asked == [f"bytes={len(ARCHIVE)}-"]


def test_a_wrong_sum_leaves_nothing(site: Site, cache: Path) -> None:
    with pytest.raises(InputError, match=f"sha256 must be {'0' * 64}, got {SUM}; the file was deleted"):
        find(site, sha256="0" * 64)
    assert left(cache) == []


def test_a_zip_without_its_members(site: Site, cache: Path) -> None:
    for content in (zipped(other="x"), b"no zip at all"):
        site.content = content
        with pytest.raises(InputError, match=r"is not the zip with set/u\.data, set/u\.item that it should be"):
            find(site, sha256=hashlib.sha256(content).hexdigest())
        assert [name for name in left(cache) if name != "set.zip"] == []


def test_a_refusal_is_not_asked_again(site: Site, cache: Path) -> None:
    site.status = 404
    with pytest.raises(InputError, match="HTTP Error 404: Not Found"):
        find(site)
    assert site.asked == [None]


def test_no_network_says_where_to_put_the_file(site: Site, cache: Path) -> None:
    site.url = "http://127.0.0.1:9/set.zip"  # the discard port: nothing listens
    with pytest.raises(InputError) as caught:
        find(site)
    message = str(caught.value)
    assert "\n" not in message
    for part in (site.url, "refused", f"u.data or other.csv into ${VARIABLE}/set/ or {cache}/", "dataset=planted"):
        assert part in message


def test_a_file_that_is_no_archive(site: Site, cache: Path) -> None:
    site.content = UDATA.encode()
    url, total = site.url.replace("set.zip", "u.data"), hashlib.sha256(site.content).hexdigest()
    found = locate(name="set", folder="set", path=None, files=["u.data"], url=url, sha256=total, members=[])
    assert found == cache / "u.data"
    assert found.read_text() == UDATA


def _find_in_process(site_url: str, folder: str, both: "multiprocessing.synchronize.Barrier") -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attrec_bench.data.locate.user_cache_dir", lambda _: folder)
        patch.delenv(VARIABLE, raising=False)
        both.wait()  # so that neither finds the other's file before it has asked for the lock
        assert find(Site(url=site_url)).read_text() == UDATA


def test_two_processes_download_once(site: Site, cache: Path) -> None:
    site.pause = 0.3
    context = multiprocessing.get_context("spawn")
    both = context.Barrier(2)
    workers = [
        context.Process(target=_find_in_process, args=(site.url, str(cache.parent), both), daemon=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(site.asked) == 1
    assert left(cache) == ["u.data", "u.item"]
