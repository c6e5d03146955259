"""The server answers the requests of other rerankers' clients with the scores of `predict`, whoever asks meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import make_model, make_tokenizer
from tiny_causal import write_causal

from rankdistill.errors import UsageError
from rankdistill.models.contract import ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.ready import ReadyModel
from rankdistill.models.recurrent import folded
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.models.recurrent.distinct import DistinctTexts
from rankdistill.models.recurrent.folded import FoldedLSTM
from rankdistill.scoring.score import load_scorer
from rankdistill.scoring.settings import ModelSettings
from rankdistill.serving.batcher import Batcher, Closed
from rankdistill.serving.jobs import make_job
from rankdistill.serving.settings import ServingSettings

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
from starlette.testclient import TestClient

from rankdistill.serving.app import build_app
from rankdistill.serving.run import bound

QUERY = "how to sort a list"
DOCUMENTS = ["the cat is a dog", "sort the list", "a book of what", "the first to sort a list wrote a long book", ""]
LONG = "a long book " * 60
CLOSE = 1e-5


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    return CrossEncoder(make_model(), make_tokenizer())


@pytest.fixture(scope="module")
def client(model: CrossEncoder) -> Iterator[TestClient]:
    with client_of(model) as made:
        yield made


def client_of(model: CrossEncoder | ReadyModel, **settings: Any) -> TestClient:
    app = build_app(model, "tiny/model", ServingSettings(**settings))
    return TestClient(app, raise_server_exceptions=False)


def scores_of(model: CrossEncoder, query: str, documents: Sequence[str]) -> list[float]:
    return model.predict([(query, document) for document in documents]).tolist()


def sigmoid(values: Sequence[float]) -> Any:
    return 1 / (1 + np.exp(-np.array(values)))


def in_order(results: list[dict[str, Any]], name: str) -> list[float]:
    """Scores by place in the request; they must fall in the order of the results."""
    assert [each[name] for each in results] == sorted((each[name] for each in results), reverse=True)
    return [each[name] for each in sorted(results, key=lambda each: each["index"])]


# -- the shapes of other servers' clients ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_a_request_of_coheres_client_gets_the_scores_of_predict(
    client: TestClient, model: CrossEncoder, path: str
) -> None:
    sent = {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS, "top_n": None, "max_tokens_per_doc": None}
    answer = client.post(path, json=sent).json()
    assert in_order(answer["results"], "relevance_score") == pytest.approx(
        scores_of(model, QUERY, DOCUMENTS), abs=CLOSE
    )
    assert set(answer["results"][0]) == {"index", "relevance_score"}
    assert answer["id"]
    assert answer["model"] == "tiny/model"
    assert answer["meta"]["api_version"] == {"version": "2"}
    assert answer["meta"]["billed_units"] == {"search_units": 1}
    assert answer["meta"]["warnings"] == []


def test_a_request_of_jinas_client_gets_documents_back(client: TestClient, model: CrossEncoder) -> None:
    documents = [{"text": text, "url": f"u{nth}"} for nth, text in enumerate(DOCUMENTS)]
    sent = {"model": "jina", "query": QUERY, "documents": documents, "top_n": 2, "return_documents": True}
    answer = client.post("/v1/rerank", json=sent).json()
    assert len(answer["results"]) == 2
    best = int(np.argmax(scores_of(model, QUERY, DOCUMENTS)))
    assert answer["results"][0]["index"] == best
    assert answer["results"][0]["document"] == documents[best]
    assert answer["usage"]["total_tokens"] > len(DOCUMENTS)


def test_strings_come_back_as_objects_with_a_text(client: TestClient) -> None:
    sent = {"query": QUERY, "documents": ["a dog"], "return_documents": True}
    assert client.post("/rerank", json=sent).json()["results"][0]["document"] == {"text": "a dog"}


def test_a_request_of_text_embeddings_inferences_client_gets_a_list(client: TestClient, model: CrossEncoder) -> None:
    logits = scores_of(model, QUERY, DOCUMENTS)
    sent = {"query": QUERY, "texts": DOCUMENTS, "truncate": True, "truncation_direction": "Right"}
    squashed = client.post("/rerank", json=sent).json()
    assert in_order(squashed, "score") == pytest.approx(sigmoid(logits), abs=CLOSE)
    assert set(squashed[0]) == {"index", "score"}
    raw = client.post("/rerank", json={**sent, "raw_scores": True, "return_text": True}).json()
    assert in_order(raw, "score") == pytest.approx(logits, abs=CLOSE)
    assert {each["index"]: each["text"] for each in raw} == dict(enumerate(DOCUMENTS))


def test_the_score_of_documents_is_a_probability_where_the_model_states_one() -> None:
    stated = CrossEncoder(make_model(), make_tokenizer(), ScoreContract("sigmoid"))
    with client_of(stated) as client:
        sent = {"query": QUERY, "documents": DOCUMENTS}
        found = in_order(client.post("/rerank", json=sent).json()["results"], "relevance_score")
        logits = in_order(
            client.post("/rerank", json={**sent, "raw_scores": True}).json()["results"], "relevance_score"
        )
    assert found == pytest.approx(scores_of(stated, QUERY, DOCUMENTS), abs=CLOSE)
    assert found == pytest.approx(sigmoid(logits), abs=CLOSE)


def test_fields_of_documents_can_be_chosen(client: TestClient, model: CrossEncoder) -> None:
    documents = [{"title": "a book", "body": "sort the list"}]
    sent = {"query": QUERY, "documents": documents, "rank_fields": ["title", "body"]}
    found = client.post("/v1/rerank", json=sent).json()["results"][0]["relevance_score"]
    assert found == pytest.approx(scores_of(model, QUERY, ["a book\nsort the list"])[0], abs=CLOSE)


# -- long documents ----------------------------------------------------------------------------------------------------


def test_an_overlong_document_is_cut_and_reported_and_no_error_for_the_others(
    client: TestClient, model: CrossEncoder
) -> None:
    documents = ["a dog", LONG, "sort the list"]
    answer = client.post("/rerank", json={"query": QUERY, "documents": documents})
    assert answer.status_code == 200
    found = in_order(answer.json()["results"], "relevance_score")
    assert found == pytest.approx(scores_of(model, QUERY, documents), abs=CLOSE)
    assert answer.json()["truncated"] == [1]
    assert answer.json()["meta"]["warnings"] == [
        f"document 1 is cut to what the model reads, {model.max_length} tokens a pair"
    ]
    assert answer.headers["X-Truncated-Documents"] == "1"
    listed = client.post("/rerank", json={"query": QUERY, "texts": documents})
    assert listed.headers["X-Truncated-Documents"] == "1"


@pytest.mark.parametrize("name", ["truncation", "truncate"])
def test_a_client_that_wants_nothing_cut_is_told_what_would_be(client: TestClient, name: str) -> None:
    answer = client.post("/rerank", json={"query": QUERY, "documents": ["a dog", LONG, LONG], name: False})
    assert answer.status_code == 422
    assert "documents 1, 2 are longer than the model reads" in answer.json()["message"]
    assert client.post("/rerank", json={"query": QUERY, "documents": ["a dog"], name: False}).status_code == 200


def test_no_more_tokens_of_a_document_are_read_than_the_client_allows(client: TestClient, model: CrossEncoder) -> None:
    documents = ["sort the list of a book", "a"]
    answer = client.post("/rerank", json={"query": QUERY, "documents": documents, "max_tokens_per_doc": 2}).json()
    found = in_order(answer["results"], "relevance_score")
    assert found == pytest.approx(scores_of(model, QUERY, ["sort the", "a"]), abs=CLOSE)
    assert answer["truncated"] == [0]


@pytest.mark.parametrize(
    "prompt", ["Query: {query}\nDocument: {document}\nAnswer:", "B: {document}\nA: {query}\nAnswer:"]
)
def test_the_tokens_that_a_client_allows_are_those_of_the_document_and_not_of_its_prompt(
    tmp_path: Path, prompt: str
) -> None:
    asked = CrossEncoder.from_pretrained(
        write_causal(tmp_path / "model"), prompt=prompt, relevant_token="a", other_token="the"
    )
    read = "a book about the dog"
    assembler: Any = asked.assembler
    n_tokens = int(assembler.tokenize(asked.tokenizer, [read]).lengths[0]) - assembler.document_piece.n_fixed
    documents = [read + " wrote the list" * 20, "a dog"]
    with client_of(asked) as client:
        sent = {"query": QUERY, "documents": documents, "max_tokens_per_doc": n_tokens}
        answer = client.post("/rerank", json=sent).json()
    expected = scores_of(asked, QUERY, [read, "a dog"])
    assert in_order(answer["results"], "relevance_score") == pytest.approx(expected, abs=CLOSE)
    assert answer["truncated"] == [0]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"query": QUERY}, "give either documents or texts"),
        ({"query": QUERY, "documents": ["a"], "texts": ["a"]}, "give either documents or texts"),
        ({"query": QUERY, "documents": []}, "no documents to rank"),
        ({"query": QUERY, "texts": []}, "no documents to rank"),
        ({"query": " ", "documents": ["a"]}, "the query is empty"),
        ({"documents": ["a"]}, "query: Field required"),
        ({"query": QUERY, "documents": ["a"], "top_n": 0}, "top_n: Input should be greater than or equal to 1"),
        ({"query": QUERY, "documents": ["a", {"title": "b"}]}, "document 1 has no text in 'text'"),
        ({"query": QUERY, "documents": ["a"], "truncation_direction": "Left"}, "truncation_direction"),
        ({"query": QUERY, "documents": ["a"], "return_embeddings": True}, "return_embeddings"),
        ({"query": QUERY, "documents": ["a", "\ud800"]}, "document 1 is no Unicode text"),
        ({"query": "\ud800", "documents": ["a"]}, "the query is no Unicode text"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(client: TestClient, sent: dict[str, Any], message: str) -> None:
    answer = client.post("/rerank", content=json.dumps(sent), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert message in answer.json()["message"]
    assert answer.json()["error"] == answer.json()["message"]


def test_what_is_no_json_and_what_is_no_path_is_told(client: TestClient) -> None:
    broken = client.post("/rerank", content=b"{", headers={"content-type": "application/json"})
    assert (broken.status_code, bool(broken.json()["message"])) == (422, True)
    assert client.post("/embed", json={}).status_code == 404
    assert client.get("/rerank").status_code == 405


def test_a_key_is_asked_for_but_not_to_see_the_health(model: CrossEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {"query": QUERY, "documents": ["a dog"]}
    monkeypatch.setenv("RANKDISTILL_API_KEY", "from the environment")
    with client_of(model, api_key="secret") as client:
        assert client.get("/health").json() == {"status": "ready", "model": "tiny/model"}
        for header in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "secret"},
            {"Authorization": "Bearer "},
        ):
            refused = client.post("/rerank", json=sent, headers=header)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        assert client.post("/rerank", json=sent, headers={"Authorization": "Bearer secret"}).status_code == 200
    with client_of(model) as client:
        given = {"Authorization": "Bearer from the environment"}
        assert client.post("/rerank", json=sent).status_code == 401
        assert client.post("/rerank", json=sent, headers=given).status_code == 200


@pytest.mark.parametrize("stated", [True, False])
def test_a_body_that_is_too_large_is_refused_whether_its_size_is_stated_or_not(
    model: CrossEncoder, stated: bool
) -> None:
    body = json.dumps({"query": QUERY, "documents": ["a dog " * 400]}).encode()
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))
    with client_of(model, max_body=0.001) as client:
        sent = body if stated else pieces
        answer = client.post("/rerank", content=sent, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 1,000 bytes" in answer.json()["message"]
        assert client.post("/rerank", json={"query": QUERY, "documents": ["a dog"]}).status_code == 200


def test_more_documents_than_are_taken_are_refused(model: CrossEncoder) -> None:
    with client_of(model, max_documents=2) as client:
        answer = client.post("/rerank", json={"query": QUERY, "documents": ["a"] * 3})
        assert (answer.status_code, "at most 2" in answer.json()["message"]) == (413, True)


def test_a_classifier_is_not_served() -> None:
    classes = CrossEncoder(make_model(num_labels=3), make_tokenizer(), ScoreContract("classes", n_classes=3))
    with pytest.raises(UsageError, match="no score to rank"):
        build_app(classes, "classes", ServingSettings())


@pytest.mark.parametrize(
    "settings",
    [
        {"port": 70000},
        {"host": " "},
        {"api_key": ""},
        {"api_key": "é"},
        {"round_tokens": 0},
        {"max_body": 0},
        {"kept_texts": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ServingSettings(**settings)


def test_a_served_bilstm_keeps_the_documents_that_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer()
    shape = {"vocab_size": len(tokenizer), "embedding_size": 5, "lstm_size": 4, "dense_size": 6, "num_labels": 1}
    model = CrossEncoder(BiLSTMForSequenceClassification(BiLSTMConfig(**shape)).eval(), tokenizer)
    expected = {query: scores_of(model, query, DOCUMENTS) for query in (QUERY, "a dog")}
    computed: list[int] = []
    last = FoldedLSTM._last

    def counted(self: FoldedLSTM, made: Any, read: DistinctTexts) -> Any:
        computed.append(len(read.lengths))
        return last(self, made, read)

    monkeypatch.setattr(FoldedLSTM, "_last", counted)
    for kept, texts in ((100, [1 + len(DOCUMENTS), 1]), (0, 2 * [1 + len(DOCUMENTS)])):
        with client_of(model, kept_texts=kept) as client:
            computed.clear()  # of the texts that warm it up
            for query in expected:
                results = client.post("/rerank", json={"query": query, "documents": DOCUMENTS}).json()["results"]
                given = {each["index"]: each["relevance_score"] for each in results}
                assert [given[place] for place in range(len(DOCUMENTS))] == pytest.approx(expected[query], abs=CLOSE)
        assert computed == texts


@pytest.mark.parametrize(("kept", "is_said"), [(100, True), (0, False)])
def test_a_served_bilstm_that_keeps_no_texts_says_so(
    kept: int, is_said: bool, model: CrossEncoder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = {"vocab_size": 64, "embedding_size": 5, "lstm_size": 4, "dense_size": 6, "num_labels": 1}
    lstm = CrossEncoder(BiLSTMForSequenceClassification(BiLSTMConfig(**shape)).eval(), make_tokenizer())
    build_app(lstm, "keeps", ServingSettings(kept_texts=kept))
    build_app(model, "reads pairs", ServingSettings(kept_texts=kept))
    assert "no texts" not in capsys.readouterr().err
    monkeypatch.setattr(folded, "MOST_BYTES", 1000)
    build_app(lstm, "small", ServingSettings(kept_texts=kept))
    assert ("no texts of small are kept" in capsys.readouterr().err) == is_said


def test_only_a_bilstm_in_float32_keeps_texts(model: CrossEncoder) -> None:
    assert not model.keep_texts(10)
    with pytest.raises(UsageError, match="texts to keep must be 0 or more, got -1"):
        model.keep_texts(-1)


# -- several clients ---------------------------------------------------------------------------------------------------


class SlowEngine:
    """An engine that waits at a gate before each batch, counts batches, and fails for one text."""

    def __init__(self, engine: Any, gate: threading.Event, fails: int = -1) -> None:
        self.engine, self.gate, self.fails = engine, gate, fails
        self.identity, self.sizes = engine.identity, []
        self.n_threads, self.least_tokens, self.shared = 1, engine.least_tokens, engine.shared

    def logits(self, batch: dict[str, Any]) -> Any:
        self.gate.wait(30)
        self.sizes.append(len(batch["input_ids"]))
        if (batch["input_ids"] == self.fails).any():
            raise RuntimeError("this text breaks the engine")
        return self.engine.logits(batch)


def slow(gate: threading.Event, fails: int = -1) -> tuple[CrossEncoder, SlowEngine]:
    model = CrossEncoder(make_model(), make_tokenizer())
    engine = SlowEngine(model.engine, gate, fails)
    model.__dict__["engine"] = engine
    return model, engine


def test_many_clients_at_once_get_each_their_own_scores(client: TestClient, model: CrossEncoder) -> None:
    requests = [
        (f"how to sort {word}", DOCUMENTS[nth % 3 :]) for nth, word in enumerate(["a", "dog", "cat", "book"] * 4)
    ]
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda each: client.post("/rerank", json={"query": each[0], "documents": each[1]}), requests)
        )
    for (query, documents), answer in zip(requests, answers, strict=True):
        found = in_order(answer.json()["results"], "relevance_score")
        assert found == pytest.approx(scores_of(model, query, documents), abs=CLOSE)


def test_jobs_that_wait_are_scored_in_one_batch() -> None:
    gate = threading.Event()
    model, engine = slow(gate)
    jobs = [make_job(model, query, ["a dog", "a cat"]) for query in ("what is", "how to", "the first")]
    rounds: list[int] = []
    with Batcher(model, 4096, 4096, lambda pairs, *_: rounds.append(pairs)) as batcher:
        batcher.submit(jobs[0])
        while not jobs[0].n_taken:
            pass
        for job in jobs[1:]:
            batcher.submit(job)
        assert batcher.waiting == 6
        gate.set()
        found = [job.done.result(30) for job in jobs]
    assert rounds == [2, 4]
    assert engine.sizes == [2, 4]
    for query, logits in zip(("what is", "how to", "the first"), found, strict=True):
        assert logits[:, 0] == pytest.approx(scores_of(model, query, ["a dog", "a cat"]), abs=CLOSE)
    assert batcher.waiting == 0
    assert batcher.seconds_to_wait() == 0


def test_a_long_list_does_not_keep_a_short_one_waiting() -> None:
    gate = threading.Event()
    model, _ = slow(gate)
    long, short = make_job(model, QUERY, ["a dog"] * 60), make_job(model, QUERY, ["a cat"])
    ended: list[str] = []
    long.done.add_done_callback(lambda _: ended.append("long"))
    short.done.add_done_callback(lambda _: ended.append("short"))
    with Batcher(model, 4096, 100) as batcher:
        batcher.submit(long)
        batcher.submit(short)
        gate.set()
    assert ended == ["short", "long"]
    assert long.done.result()[:, 0] == pytest.approx(scores_of(model, QUERY, ["a dog"] * 60), abs=CLOSE)


def test_leaving_the_batcher_finishes_what_it_took_and_takes_no_more() -> None:
    model = CrossEncoder(make_model(), make_tokenizer())
    jobs = [make_job(model, QUERY, ["a dog"]) for _ in range(5)]
    with Batcher(model, 4096, 10) as batcher:
        for job in jobs:
            batcher.submit(job)
    assert all(job.done.done() for job in jobs)
    with pytest.raises(Closed):
        batcher.submit(make_job(model, QUERY, ["a dog"]))


def test_an_abandoned_job_is_dropped() -> None:
    gate = threading.Event()
    model, engine = slow(gate)
    first, gone = make_job(model, QUERY, ["a dog"]), make_job(model, QUERY, ["a cat"] * 7)
    with Batcher(model, 4096, 10) as batcher:
        batcher.submit(first)
        batcher.submit(gone)
        gone.abandoned = True
        gate.set()
    assert engine.sizes == [1]
    assert gone.done.cancelled()
    assert batcher.waiting == 0


@pytest.mark.parametrize("breaks", [False, True])
def test_a_job_whose_waiter_cancelled_it_does_not_end_the_thread(breaks: bool) -> None:
    gate = threading.Event()
    model, _ = slow(gate, fails=make_tokenizer().convert_tokens_to_ids("dog") if breaks else -1)
    cancelled, other = make_job(model, QUERY, ["a dog"]), make_job(model, QUERY, ["a cat"])
    with Batcher(model, 4096, 1) as batcher:
        batcher.submit(cancelled)
        assert cancelled.done.cancel()
        batcher.submit(other)
        gate.set()
        assert other.done.result(timeout=20).shape == (1, 1)


def test_an_error_of_the_engine_is_the_answer_to_that_request_alone() -> None:
    gate = threading.Event()
    gate.set()
    tokenizer = make_tokenizer()
    model, _ = slow(gate, fails=tokenizer.convert_tokens_to_ids("wrote"))
    with client_of(model) as client:
        broken = client.post("/rerank", json={"query": QUERY, "documents": ["a dog", "wrote"]})
        assert (broken.status_code, broken.json()["message"]) == (500, "RuntimeError: this text breaks the engine")
        assert client.post("/rerank", json={"query": QUERY, "documents": ["a dog"]}).status_code == 200
        assert b"rankdistill_waiting_documents 0.0" in client.get("/metrics").content


def test_a_full_queue_is_told_with_the_time_to_try_again() -> None:
    gate = threading.Event()
    gate.set()
    model, _ = slow(gate)
    sent = {"query": QUERY, "documents": DOCUMENTS}
    with client_of(model, max_waiting=7) as client, ThreadPoolExecutor(1) as thread:
        assert client.post("/rerank", json=sent).status_code == 200
        gate.clear()
        first = thread.submit(client.post, "/rerank", json=sent)
        while b"rankdistill_waiting_documents 5.0" not in client.get("/metrics").content:
            pass
        refused = client.post("/rerank", json=sent)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert "5 documents wait" in refused.json()["message"]
        gate.set()
        assert first.result(30).status_code == 200
        assert client.post("/rerank", json=sent).status_code == 200


# -- what is said of the server ----------------------------------------------------------------------------------------


def test_metrics_count_requests_documents_and_tokens(model: CrossEncoder) -> None:
    with client_of(model) as client:
        client.post("/rerank", json={"query": QUERY, "documents": ["a dog", LONG]})
        client.post("/rerank", json={"query": QUERY})
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'rankdistill_requests_total{status="200"} 1.0',
        'rankdistill_requests_total{status="422"} 1.0',
        "rankdistill_truncated_documents_total 1.0",
        "rankdistill_request_documents_sum 2.0",
        "rankdistill_request_seconds_count 1.0",
    ):
        assert line in answer.text


def test_the_requests_are_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/rerank", "/v1/rerank", "/v2/rerank", "/health", "/metrics"}
    assert "top_n" in described["components"]["schemas"]["RerankRequest"]["properties"]
    assert client.get("/docs").status_code == 200


def test_a_model_that_an_earlier_command_left_ready_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    folder = CrossEncoder(make_model(), make_tokenizer()).save(tmp_path / "model")
    asked = ModelSettings(engine="onnx")
    first, ready = load_scorer(folder, asked), load_scorer(folder, asked)
    assert isinstance(ready, ReadyModel)
    with client_of(ready) as client:
        answer = client.post("/rerank", json={"query": QUERY, "documents": [*DOCUMENTS, LONG]}).json()
    found = in_order(answer["results"], "relevance_score")
    assert found == pytest.approx(scores_of(first, QUERY, [*DOCUMENTS, LONG]), abs=CLOSE)
    assert answer["truncated"] == [len(DOCUMENTS)]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_body_does_not_wait_until_its_headers_are_acknowledged(host: str) -> None:
    async def nodelay() -> int:
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[int] = loop.create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                connection = transport.get_extra_info("socket")
                accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        place = bound(ServingSettings(host=host, port=0))
        async with await loop.create_server(Protocol, sock=place):
            _, writer = await asyncio.open_connection(*place.getsockname()[:2])
            writer.close()
            return await accepted

    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no loopback address of IPv6")
    assert asyncio.run(nodelay()), "Nagle's algorithm is on: every answer on a kept connection takes 40 ms more"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as place:
            place.bind(("::1", 0))
    except OSError:
        return False
    return True
