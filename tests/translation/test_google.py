import json
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation import google
from spacy_clintl.translation.google import make_google_v1
from spacy_clintl.translation.protocol import Segment


class Stub(ThreadingHTTPServer):
    """Speaks the service's protocol: translates into capitals, and keeps its limits."""

    def __init__(self):
        self.requests = []
        self.answers = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        contents = body["contents"]
        status, headers = (200, {})
        if self.server.answers:
            status, headers = self.server.answers.pop(0)
        if len(contents) > 1024 or sum(map(len, contents)) > 30_000:
            status = 400
        if any("poison" in text for text in contents):
            status = 400
        if status == "close":
            self.connection.close()
            return
        if status == 200:
            # Fields without a value are left out, and some texts altogether.
            made = [
                {"translatedText": text.upper()} if text != "nada" else {}
                for text in contents
                if text != "gone"
            ]
            answer = {"translations": made[: headers.pop("answers", None)]}
            if "glossaryConfig" in body:
                answer["glossaryTranslations"] = [{"translatedText": "G"} for _ in contents]
            data = json.dumps(answer).encode()
        elif status == "junk":
            status, data = 200, b"<html>"
        else:
            message = f"cannot take {contents[0]}"
            error = {
                "code": status,
                "message": message,
                "status": f"STATUS_{'X' * (status // 100)}",
            }
            data = json.dumps({"error": error}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "token-1")
    monkeypatch.setattr(google.time, "sleep", lambda seconds: pauses.append(seconds))
    pauses = []
    server = Stub()
    server.pauses = pauses
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def make(stub, **settings):
    endpoint = f"http://127.0.0.1:{stub.server_address[1]}"
    return make_google_v1("proj", allow_remote=True, endpoint=endpoint, **settings)


def translate(translator, *texts):
    return list(translator.translate([Segment(text) for text in texts], "es", "en"))


def test_nothing_is_sent_without_permission(stub):
    endpoint = f"http://127.0.0.1:{stub.server_address[1]}"
    with pytest.raises(ClintlError, match=r"CL630.*allow_remote"):
        translate(make_google_v1("proj", endpoint=endpoint), "secreto")
    with pytest.raises(ClintlError, match=r"CL602.*https"):
        make_google_v1("proj", allow_remote=True, endpoint="http://example.org").check("es", "en")
    with pytest.raises(ClintlError, match=r"CL602"):
        make_google_v1("proj", allow_remote=True, endpoint="http://localhost.example.org").check(
            "es", "en"
        )
    assert not stub.requests


def test_requests_are_those_of_the_service(stub):
    made = translate(make(stub, location="europe-west1", model="general/nmt"), " tos ", "fiebre")
    assert [one.text for one in made] == [" TOS ", "FIEBRE"]
    path, headers, body = stub.requests[0]
    assert path == "/v3/projects/proj/locations/europe-west1:translateText"
    assert headers["Authorization"] == "Bearer token-1"
    assert body == {
        "contents": ["tos", "fiebre"],
        "mimeType": "text/plain",
        "sourceLanguageCode": "es",
        "targetLanguageCode": "en",
        "model": "projects/proj/locations/europe-west1/models/general/nmt",
    }
    assert translate(make(stub, glossary="g"), "tos")[0].text == "G"


def test_batches_keep_to_the_limits(stub):
    texts = [f"texto {n}" for n in range(2500)] + ["x" * 20_000, "y" * 20_000, "z" * 30_001]
    translator = make(stub)
    translator.batch_size = 5000
    made = translate(translator, *texts)
    assert [one.text for one in made[:-1]] == [text.upper() for text in texts[:-1]]
    assert "longer" in made[-1].error
    assert sum(len(body["contents"]) for _, _, body in stub.requests) == 2502


def test_throttling_and_passing_faults_are_tried_again(stub):
    stub.answers = [(429, {"Retry-After": "7"}), (503, {}), ("close", {}), ("junk", {})]
    made = translate(make(stub, retries=4), "tos")
    assert made[0].text == "TOS"
    assert len(stub.requests) == 5
    assert stub.pauses[0] == 7
    assert 1 <= stub.pauses[1] <= 2
    assert 2 <= stub.pauses[2] <= 4


def test_what_fails_for_good_is_an_error_of_its_segments(stub):
    translator = make(stub, retries=2)
    assert translate(translator, "tos")[0].text == "TOS"
    stub.answers = [(503, {})] * 3
    made = translate(translator, "secreto")
    assert "503" in made[0].error
    assert "secreto" not in made[0].error
    # The next request is tried once; when the service is back, all is as before.
    stub.answers = [(503, {})]
    assert translate(translator, "tos")[0].error
    assert translate(translator, "tos")[0].text == "TOS"


def test_one_text_that_is_refused_takes_no_others_along(stub):
    translator = make(stub)
    translate(translator, "tos")
    texts = [f"t{n}" for n in range(40)]
    texts[17] = "poison"
    made = translate(translator, *texts)
    assert [n for n, one in enumerate(made) if one.error] == [17]


def test_one_text_that_is_refused_at_first_takes_no_others_along(stub):
    made = translate(make(stub), "poison", "tos", "fiebre")
    assert [one.text for one in made] == ["", "TOS", "FIEBRE"]
    # But where even a number is refused, it is not the text.
    stub.answers = [(400, {})] * 2
    with pytest.raises(ClintlError, match="CL631"):
        translate(make(stub), "tos", "fiebre")


@pytest.mark.parametrize("odd", ["gone", "nada"])
def test_an_odd_answer_is_for_its_text_only(stub, odd):
    texts = [f"t{n}" for n in range(40)]
    texts[17] = odd
    made = translate(make(stub), *texts)
    assert [one.text for n, one in enumerate(made) if n != 17] == [
        text.upper() for text in texts if text != odd
    ]
    if odd == "gone":
        assert "another number" in made[17].error
    else:
        # What becomes nothing is kept.
        assert (made[17].text, made[17].untranslated) == ("nada", ((0, 4),))


def test_a_service_that_refuses_ends_the_run(stub):
    stub.answers = [(403, {})]
    with pytest.raises(ClintlError, match=r"CL631.*HTTP 403 STATUS_XXXX") as caught:
        translate(make(stub), "secreto")
    assert "secreto" not in str(caught.value)
    assert len(stub.requests) == 1


def test_a_short_answer_is_given_to_no_segment(stub):
    stub.answers = [(200, {"answers": 1}), (200, {"answers": 0}), (200, {})]
    made = translate(make(stub, retries=0), "tos", "fiebre")
    assert "another number" in made[0].error
    assert made[1].text == "FIEBRE"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("retries", -1), ("pause", -0.5), ("timeout", 0.0), ("price_per_million", -1.0)],
)
def test_settings_that_cannot_be_are_told(stub, setting, value):
    with pytest.raises(ClintlError, match=f"CL602.*'{setting}' is {value}"):
        make(stub, **{setting: value})


def test_cost_is_that_of_the_settings(stub):
    cost = make(stub, price_per_million=10.0, currency="EUR").cost([Segment("ñ" * 500_000)])
    assert (cost.characters, cost.price, cost.currency) == (500_000, 5.0, "EUR")


def test_it_travels_without_its_token(stub):
    translator = make(stub)
    translate(translator, "tos")
    data = pickle.dumps(translator)
    assert b"token-1" not in data
    assert translate(pickle.loads(data), "tos")[0].text == "TOS"


def test_without_a_token_the_error_says_how_to_get_one(stub, monkeypatch):
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    monkeypatch.setitem(__import__("sys").modules, "google.auth", None)
    with pytest.raises(ClintlError, match=r"CL632.*spacy-clintl\[google\]"):
        translate(make(stub), "tos")
