"""Fetching by HTTP from a real server that breaks off, refuses, lies, or is in order."""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.digest import digest_of
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.download import DownloadError, Wanted, fetch, still_missing
from edge.durable import Disk, DiskError
from edge.part_file import journal_of
from edge.watch import Patience
from tests.edge.authority import server_context
from tests.edge.file_server import FileServer
from tests.edge.scripted_answers import CHUNKED, OK, PARTIAL, Script, endless, head, moved, says
from tests.edge.spoilt_part import cut_power

CONTENT = random.Random(7).randbytes(256 * 1024)
SIZE = len(CONTENT)
IMPATIENT = Patience(silence_s=0.3, window_s=0.5, least_bytes_per_s=1000.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.bundle").write_bytes(CONTENT)
    with FileServer(folder) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "a.part"


class Counter:
    """Counts what was spent, and stops at a limit where there is one."""

    def __init__(self, limit: float = float("inf")) -> None:
        self.limit, self.spent = limit, 0

    def __call__(self, count: int) -> None:
        self.spent += count
        if self.spent > self.limit:
            raise SpentError


class SpentError(Exception):
    """The limit is passed."""


class Impatient(Deadline):
    """Writes down how long it should have waited, and does not."""

    def __init__(self, left_s: float = 60.0) -> None:
        super().__init__(time.time() + left_s, threading.Event())
        self.pauses_s: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.check()


def wanted_from(url: str, content: bytes = CONTENT) -> Wanted:
    return Wanted(url, digest_of(content), len(content))


def get(
    server: FileServer,
    part: Path,
    *,
    content: bytes = CONTENT,
    attempts: int = 2,
    deadline: Deadline | None = None,
    spend: Callable[[int], None] | None = None,
    ca_file: str | None = None,
) -> Path:
    return fetch(
        wanted_from(f"{server.url}/a.bundle", content),
        part,
        deadline=deadline or in_a_minute(),
        disk=Disk(),
        spend=spend or Counter(),
        ca_file=ca_file,
        pauses_s=(0.0,) * attempts,
        patience=IMPATIENT,
    )


def in_a_minute(stop: threading.Event | None = None) -> Deadline:
    return Deadline(time.time() + 60.0, stop or threading.Event())


INTERIM = head("HTTP/1.1 100 Continue")
FULL_LENGTH = f"Content-Length: {SIZE}"


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def test_a_file_arrives_whole(server: FileServer, part: Path) -> None:
    assert get(server, part).read_bytes() == CONTENT
    assert not journal_of(part).exists()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(OK, body=CONTENT), id="until the connection ends"),
        pytest.param(says(OK, CHUNKED, body=chunked(CONTENT, 777)), id="in chunks without a length"),
        pytest.param(says(OK, FULL_LENGTH, "Content-Encoding: identity", body=CONTENT), id="encoded as it is"),
        pytest.param(says("HTTP/1.1 100 Continue", "", OK, FULL_LENGTH, body=CONTENT), id="after a 100"),
        pytest.param(says(PARTIAL, f"Content-Range: bytes 0-{SIZE - 1}/*", body=CONTENT), id="as a part that is all"),
        pytest.param(endless(head(OK), CONTENT), id="and does not end"),
    ],
)
def test_what_is_unusual_but_right_is_taken(server: FileServer, part: Path, script: Script) -> None:
    server.scripts = [script]
    assert get(server, part, attempts=1).read_bytes() == CONTENT


def test_a_broken_connection_is_resumed_where_it_broke(server: FileServer, part: Path) -> None:
    server.cuts, server.etag = [100_000], '"v1"'
    assert get(server, part).read_bytes() == CONTENT
    assert server.asked == [("/a.bundle", None), ("/a.bundle", "bytes=100000-")]
    assert server.conditions == [None, '"v1"']


@pytest.mark.parametrize("etag", [None, 'W/"weak"', "naked", '"' + "x" * 300 + '"'])
def test_what_is_no_strong_etag_is_not_sent_back(server: FileServer, part: Path, etag: str | None) -> None:
    server.cuts, server.etag = [100_000], etag
    assert get(server, part).read_bytes() == CONTENT
    assert server.conditions == [None, None]


def test_an_attempt_that_brings_something_does_not_use_up_the_attempts(server: FileServer, part: Path) -> None:
    server.cuts = [10_000] * 20
    assert get(server, part).read_bytes() == CONTENT
    assert server.sent_bytes == SIZE


def test_attempts_that_bring_next_to_nothing_do(server: FileServer, part: Path) -> None:
    server.cuts = [100] * 20
    with pytest.raises(DownloadError, match="ended after 300 of 262144 bytes, 3 attempts"):
        get(server, part, attempts=3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, SIZE), max_size=12), st.booleans())
def test_wherever_the_line_breaks_no_byte_is_sent_twice(cuts: list[int], tagged: bool) -> None:
    places = sorted(cuts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.bundle").write_bytes(CONTENT)
        with FileServer(folder) as server:
            server.cuts = [after - before for before, after in itertools.pairwise([0, *places])]
            server.etag = '"v1"' if tagged else None
            counter = Counter()
            assert get(server, folder / "a.part", attempts=14, spend=counter).read_bytes() == CONTENT
            assert server.sent_bytes == SIZE
            heads_bytes = counter.spent - SIZE
            assert 500 * len(server.asked) < heads_bytes < 1000 * len(server.asked)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, SIZE), st.sampled_from(["killed", "power cut", "rubbish"])), max_size=8))
def test_whatever_ends_the_agent_the_next_one_gets_there(ends: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = folder / "a.part"
        (folder / "a.bundle").write_bytes(CONTENT)
        with FileServer(folder) as server:
            for limit, end in ends:
                with contextlib.suppress(SpentError):
                    get(server, part, spend=Counter(limit))
                if end != "killed" and journal_of(part).exists():
                    cut_power(part, tail=b"\0" * 5000, overwrite=end == "rubbish")
            assert get(server, part).read_bytes() == CONTENT


def test_a_part_that_does_not_belong_to_it_is_thrown_away(
    server: FileServer, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part.write_bytes(b"x" * 1000)
    assert get(server, part).read_bytes() == CONTENT
    assert server.asked == [("/a.bundle", None)]
    assert "1000 bytes an earlier attempt left cannot be trusted" in caplog.text


def test_a_part_that_is_already_whole_is_not_asked_for(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT)
    assert get(server, part) == part
    assert server.asked == []


def break_off(server: FileServer, part: Path, at: int) -> None:
    """A download that ends after so many bytes."""
    server.cuts = [at, 0]
    with pytest.raises(DownloadError, match=f"ended after {at} of"):
        get(server, part, attempts=1)
    server.asked.clear()
    server.conditions.clear()


def test_after_a_power_cut_only_what_is_not_surely_there_is_fetched_again(server: FileServer, part: Path) -> None:
    server.etag = '"v1"'
    break_off(server, part, 100_000)
    cut_power(part, tail=b"\0" * 50_000)
    assert still_missing(wanted_from(server.url), part, disk=Disk()) == SIZE - 100_000
    assert get(server, part).read_bytes() == CONTENT
    assert (server.asked, server.conditions) == ([("/a.bundle", "bytes=100000-")], ['"v1"'])
    assert server.sent_bytes == SIZE


def test_the_etag_of_another_address_is_not_shown_to_this_one(server: FileServer, part: Path) -> None:
    server.etag = '"v1"'
    break_off(server, part, 100_000)
    (server.folder / "b.bundle").write_bytes(CONTENT)
    wanted = wanted_from(f"{server.url}/b.bundle")
    assert fetch(wanted, part, deadline=in_a_minute(), disk=Disk()).read_bytes() == CONTENT
    assert (server.asked, server.conditions) == ([("/b.bundle", "bytes=100000-")], [None])


@pytest.mark.parametrize("change", ["no ranges", "another etag"])
def test_a_whole_answer_to_a_range_is_taken_once_and_said(
    server: FileServer, part: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    server.etag = '"v1"'
    break_off(server, part, 100_000)
    server.ranges, server.etag = change != "no ranges", '"v2"' if change == "another etag" else '"v1"'
    server.cuts = [50_000] if change == "another etag" else []
    counter = Counter()
    assert get(server, part, spend=counter).read_bytes() == CONTENT
    assert "starts anew, 100000 bytes are lost: the server answers with the whole file" in caplog.text
    assert SIZE < counter.spent < SIZE + 2000


def test_a_server_that_only_ever_sends_the_whole_file_is_refused_the_second_time(
    server: FileServer, part: Path
) -> None:
    server.ranges, server.cuts = False, [100_000, 90_000, 80_000]
    with pytest.raises(DownloadError, match="whole file, not with the rest, and once is enough"):
        get(server, part)
    assert len(server.asked) == 3
    assert part.read_bytes() == CONTENT[:90_000]


def test_pieces_of_two_files_are_noticed_and_fetched_once_more(
    server: FileServer, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.scripts = [says(OK, FULL_LENGTH, body=b"!" * 100_000)]
    assert get(server, part).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", None]
    assert f"starts anew, {SIZE} bytes are lost: what came in several pieces" in caplog.text


def test_a_206_with_another_etag_is_another_file(server: FileServer, part: Path) -> None:
    server.etag = '"v1"'
    break_off(server, part, 100_000)
    server.scripts = [says(PARTIAL, f"Content-Range: bytes 100000-{SIZE - 1}/{SIZE}", 'ETag: "v2"', body=b"!")]
    assert get(server, part).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=100000-", None]


def test_a_server_that_has_less_than_we_have_is_asked_anew(server: FileServer, part: Path) -> None:
    break_off(server, part, 100_000)
    server.refusals = [416]
    assert get(server, part).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=100000-", None]


@pytest.mark.parametrize(
    "lie",
    [
        (),
        ("Content-Range: bytes 0-{last}/{size}",),
        ("Content-Range: bytes 99999-{last}/{size}",),
        ("Content-Range: bytes 100000-{size}/{size}",),
        ("Content-Range: bytes 100000-99999/{size}",),
        ("Content-Range: bytes 100000-{last}/{size}", "Content-Length: 7"),
        ("Content-Range: bytes 100000-" + "9" * 5000 + "/*",),
        ("Content-Range: bytes -5-10/*",),
        ("Content-Range: lines 100000-{last}/{size}",),
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_stored(
    server: FileServer, part: Path, lie: tuple[str, ...]
) -> None:
    break_off(server, part, 100_000)
    lines = [line.format(size=SIZE, last=SIZE - 1) for line in lie]
    server.scripts = [says(PARTIAL, *lines, body=b"!" * 200_000)]
    counter = Counter()
    assert get(server, part, spend=counter).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=100000-"] * 2
    assert counter.spent < SIZE


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, SIZE + 2**31, SIZE + 2**32, 2**31, 2**32, 2**63])
@pytest.mark.parametrize("resumed", [False, True])
def test_a_file_of_another_size_is_refused_before_its_first_byte(
    server: FileServer, part: Path, size: int, resumed: bool
) -> None:
    whole = (OK, f"Content-Length: {size}")
    partial = (PARTIAL, f"Content-Range: bytes 100000-{max(size - 1, 100_000)}/{size}")
    if resumed:
        break_off(server, part, 100_000)
    server.scripts = [endless(head(*(partial if resumed else whole)), b"!" * 1000)]
    with pytest.raises(DownloadError, match=f"has {size} bytes, and {SIZE} were assigned"):
        get(server, part)
    assert part.read_bytes() == (CONTENT[:100_000] if resumed else b"")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(endless(head(OK), b"!" * 65536), "not what the assignment names", id="endless data"),
        pytest.param(
            endless(head(OK, CHUNKED) + b"1\r\n!\r\n0\r\n", b"x: y\r\n" * 100), "far more", id="endless trailers"
        ),
        pytest.param(endless(head(OK, CHUNKED), b"1;" + b"x" * 60_000 + b"\r\n!\r\n"), "far more", id="framing"),
        pytest.param(endless(INTERIM, INTERIM), "does not end", id="endless 100"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), "more than 100", id="endless head"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 99), "does not end", id="endless line"),
        pytest.param(says("SSH-2.0-OpenSSH_9.6"), "SSH-2.0", id="another protocol"),
        pytest.param(says(), "[Rr]emote|Status|\\r", id="nothing"),
        pytest.param(says(OK, CHUNKED, "", "-5", "!!!!!!"), "ended after|Incomplete", id="a negative chunk"),
        pytest.param(says(OK, CHUNKED, "", "zz"), "Incomplete", id="a chunk of no size"),
        pytest.param(says(OK, FULL_LENGTH, "Content-Encoding: gzip"), "compresses", id="gzip"),
        pytest.param(says(OK, "Transfer-Encoding: gzip, chunked"), "compresses", id="gzip in transfer"),
        pytest.param(says("HTTP/1.1 204 No Content"), "answers 204", id="204"),
        pytest.param(says("HTTP/1.1 304 Not Modified"), "answers 304", id="304"),
        pytest.param(says("HTTP/1.1 501 No"), "answers 501", id="501"),
    ],
)
def test_a_bad_answer_costs_little(server: FileServer, part: Path, script: Script, message: str) -> None:
    server.scripts = [script] * 2
    counter = Counter()
    with pytest.raises(DownloadError, match=message):
        get(server, part, spend=counter)
    assert counter.spent < 2 * SIZE + (1 << 20) + 100_000


def test_silence_and_dripping_end_an_attempt_and_not_the_download(
    server: FileServer, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(request: BaseHTTPRequestHandler) -> None:
        says(OK, FULL_LENGTH, body=CONTENT[:10_000])(request)
        server.ending.wait(20.0)

    def dripping(request: BaseHTTPRequestHandler) -> None:
        says(PARTIAL, f"Content-Range: bytes 10000-{SIZE - 1}/{SIZE}")(request)
        for byte in CONTENT[10_000:]:
            request.wfile.write(bytes([byte]))
            server.ending.wait(0.02)

    server.scripts = [silent, dripping]
    assert get(server, part, attempts=3).read_bytes() == CONTENT
    assert "nothing came for 0.3 s; 10000 bytes came" in caplog.text
    assert "bytes came in 1 s;" in caplog.text


def test_a_head_that_drips_is_given_up(server: FileServer, part: Path) -> None:
    def dripping(request: BaseHTTPRequestHandler) -> None:
        while not server.ending.wait(0.02):
            request.wfile.write(b"H")

    server.scripts = [dripping]
    with pytest.raises(DownloadError, match="bytes came in"):
        get(server, part, attempts=1)


def test_a_sick_server_is_asked_a_few_times_and_then_left_alone(server: FileServer, part: Path) -> None:
    server.refusals = [503, 503, 503, 503]
    with pytest.raises(DownloadError, match=r"503.*3 attempts"):
        get(server, part, attempts=3)
    assert len(server.asked) == 3


def test_pauses_grow_and_are_jittered(server: FileServer, part: Path) -> None:
    server.refusals = [500, 502, 503, 504, 429, 408, 425]
    deadline = Impatient()
    wanted = wanted_from(f"{server.url}/a.bundle")
    with pytest.raises(DownloadError, match="5 attempts"):
        fetch(wanted, part, deadline=deadline, disk=Disk())
    assert [pause <= most for pause, most in zip(deadline.pauses_s, (0.0, 2.0, 4.0, 8.0, 16.0), strict=True)]
    assert len(set(deadline.pauses_s)) == 5


def unavailable(*lines: str) -> Script:
    return says("HTTP/1.1 503 Service Unavailable", "Content-Length: 0", *lines)


@pytest.mark.parametrize(
    ("lines", "pause_s"),
    [
        (("Retry-After: 7",), 7.0),
        (("Retry-After: Wed, 21 Oct 2015 07:28:09 GMT", "Date: Wed, 21 Oct 2015 07:28:00 GMT"), 9.0),
        (("Retry-After: Wed, 21 Oct 2015 07:27:00 GMT", "Date: Wed, 21 Oct 2015 07:28:00 GMT"), 0.0),
        (("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT",), 0.0),
        (("Retry-After: soon",), 0.0),
        (("Retry-After: -7",), 0.0),
    ],
)
def test_a_server_that_asks_for_rest_gets_it(
    server: FileServer, part: Path, lines: tuple[str, ...], pause_s: float
) -> None:
    server.scripts = [unavailable(*lines)]
    deadline = Impatient()
    assert get(server, part, deadline=deadline).read_bytes() == CONTENT
    assert deadline.pauses_s == [0.0, pause_s]


def test_nobody_waits_for_longer_than_the_deadline(server: FileServer, part: Path) -> None:
    server.scripts = [unavailable("Retry-After: " + "9" * 400)]
    deadline = Impatient()
    with pytest.raises(DownloadError, match="asks for 999999999 s of rest, longer than the deadline allows"):
        get(server, part, deadline=deadline)
    assert deadline.pauses_s == [0.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501])
def test_a_refusal_is_the_servers_last_word(server: FileServer, part: Path, status: int) -> None:
    server.refusals = [status]
    with pytest.raises(DownloadError, match=str(status)):
        get(server, part)
    assert len(server.asked) == 1


def test_redirects_are_followed_with_their_range_and_without_their_bodies(server: FileServer, part: Path) -> None:
    break_off(server, part, 100_000)
    server.scripts = [
        endless(head("HTTP/1.1 307 Temporary Redirect", "Location: /a.bundle?token=1"), b"!" * 1000),
        moved(f"{server.url}/a.bundle"),
    ]
    assert get(server, part).read_bytes() == CONTENT
    assert server.asked[:2] == [("/a.bundle", "bytes=100000-"), ("/a.bundle?token=1", "bytes=100000-")]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "gopher://a", "/etc/passwd", "data:,x", ""])
def test_only_http_is_fetched(part: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="only http"):
        fetch(Wanted(url, digest_of(b""), 1), part, deadline=in_a_minute(), disk=Disk())
    assert not part.exists()


def test_messages_hold_no_secrets(server: FileServer, part: Path) -> None:
    server.refusals = [403]
    wanted = wanted_from(f"{server.url}/a.bundle?signature=hidden#part")
    with pytest.raises(DownloadError) as failed:
        fetch(wanted, part, deadline=in_a_minute(), disk=Disk())
    assert failed.value.where == f"{server.url}/a.bundle"
    with pytest.raises(DownloadError, match="a user and a password") as failed:
        fetch(wanted_from("http://me:hidden@127.0.0.1:1/a"), part, deadline=in_a_minute(), disk=Disk())
    assert "hidden" not in str(failed.value)


def test_a_servers_certificate_by_our_own_authority(tmp_path: Path, part: Path) -> None:
    (tmp_path / "a.bundle").write_bytes(CONTENT)
    context, ca_file = server_context(tmp_path)
    with FileServer(tmp_path, tls=context) as server:
        server.cuts = [100_000]
        counter = Counter()
        assert get(server, part, ca_file=ca_file, spend=counter).read_bytes() == CONTENT
        assert server.asked[1] == ("/a.bundle", "bytes=100000-")
        assert SIZE + 11 * 1024 < counter.spent < SIZE + 13 * 1024


def test_a_certificate_nobody_vouches_for_is_refused_at_once(tmp_path: Path, part: Path) -> None:
    context, _ = server_context(tmp_path)
    with FileServer(tmp_path, tls=context) as server:
        deadline = Impatient()
        with pytest.raises(DownloadError, match=r"certificate is not trusted.*Check ca_file"):
            get(server, part, deadline=deadline)
        assert (len(deadline.pauses_s), server.asked) == (1, [])


def test_what_was_not_promised_is_refused(server: FileServer, part: Path) -> None:
    with pytest.raises(DownloadError, match="not what the assignment names"):
        get(server, part, content=CONTENT[:-1] + b"!")
    assert list(part.parent.glob("a.part*")) == []
    assert len(server.asked) == 1


def test_bytes_that_are_paid_for_are_kept_when_the_budget_is_spent(server: FileServer, part: Path) -> None:
    counter = Counter(100_000)
    with pytest.raises(SpentError):
        get(server, part, spend=counter)
    kept = part.stat().st_size
    assert counter.spent - 1000 < kept <= counter.spent
    more = Counter()
    assert get(server, part, spend=more).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bundle", f"bytes={kept}-")
    assert SIZE < kept + more.spent < SIZE + 1000


def test_a_folder_that_cannot_be_written_is_the_disks_fault(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        get(server, tmp_path / "absent" / "a.part")


def test_a_disk_that_fills_up_ends_the_download(server: FileServer, part: Path) -> None:
    class Filling(Disk):
        def append(self, path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(DiskError, match="storing the download failed: No space left"):
        fetch(wanted_from(f"{server.url}/a.bundle"), part, deadline=in_a_minute(), disk=Filling())


def test_no_download_goes_on_beyond_its_deadline_or_the_agents_end(server: FileServer, part: Path) -> None:
    wanted = wanted_from(f"{server.url}/a.bundle")
    with pytest.raises(DeadlineError, match="time allowed is over"):
        fetch(wanted, part, deadline=Deadline(0.0, threading.Event()), disk=Disk())
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppingError):
        fetch(wanted, part, deadline=in_a_minute(stop), disk=Disk())


def test_a_silent_server_does_not_keep_the_agent_from_ending(server: FileServer, part: Path) -> None:
    stop = threading.Event()

    def silent(request: BaseHTTPRequestHandler) -> None:
        says(OK, FULL_LENGTH, body=CONTENT[:10_000])(request)
        stop.set()
        server.ending.wait(20.0)

    server.scripts = [silent]
    began_s = time.monotonic()
    with pytest.raises(StoppingError):
        fetch(wanted_from(f"{server.url}/a.bundle"), part, deadline=in_a_minute(stop), disk=Disk())
    assert time.monotonic() - began_s < 10.0
    assert CONTENT[:10_000].startswith(part.read_bytes())
