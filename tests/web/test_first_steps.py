"""First steps: each of them as an owner sees it, and the Chatwoot wizard against a Chatwoot with a memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from conftest import find_free_port, make_config
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from standins.llm import LlmStandIn
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from chatbot import connecting
from chatbot.clients import chatwoot_setup
from chatbot.db import db
from chatbot.pretend import PretendChatwoot
from chatbot.pretend.wire import Answer, HttpServer, Request
from chatbot.settings import Settings, load_settings
from chatbot.web import first_steps_chatwoot

Maker = Callable[[str], FlaskClient]


@pytest.fixture
def port() -> int:
    return find_free_port()


@pytest.fixture
def app(make_app: Callable[..., Flask], make_database: Callable[[], str], port: int) -> Flask:
    return make_app(make_config(make_database(), public_url=f"http://127.0.0.1:{port}"))


@pytest.fixture
def served(app: Flask, port: int) -> Iterator[str]:
    """The installation, where Chatwoot can reach it."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def chatwoot(request: pytest.FixtureRequest) -> Iterator[PretendChatwoot]:
    """One that has never heard of us. A test may give its release, with indirect=True."""
    pretend = PretendChatwoot(version=getattr(request, "param", "4.15.1"), timeout_s=3, retry_s=0.2)
    pretend.world.bots.clear()
    pretend.inbox.bot_id = None
    with pretend:
        yield pretend


@pytest.fixture
def owner(make_client: Maker) -> FlaskClient:
    return make_client("owner")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_steps_chatwoot, "REFRESH_S", 0)
    monkeypatch.setattr("chatbot.live_settings.REFRESH_S", 0)
    monkeypatch.setattr(connecting, "PATIENCE_S", 4.0)
    monkeypatch.setattr(first_steps_chatwoot, "WORKER_S", 0.0)  # none runs here
    monkeypatch.setattr(first_steps_chatwoot, "MOST_DEBOUNCE_S", 0.2)


def read_settings(app: Flask) -> Settings:
    with app.app_context(), db.engine.begin() as connection:
        return load_settings(connection, app.config["CONFIG"])


def give_address(client: FlaskClient, url: str, token: str) -> TestResponse:
    return client.post("/first-steps/chatwoot/address", data={"chatwoot_url": url, "chatwoot_access_token": token})


def connect(client: FlaskClient, pretend: PretendChatwoot, *inboxes: int, **more: str) -> TestResponse:
    assert give_address(client, pretend.url, pretend.admin.token).status_code == 303
    data = {"account": str(pretend.world.account_id), "inbox": [str(i) for i in inboxes or [1]], **more}
    return client.post("/first-steps/chatwoot/connect", data=data)


# --- who, and the frame ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["agent", "editor"])
def test_only_owners_take_them(make_client: Maker, role: str) -> None:
    client = make_client(role)
    assert client.get("/first-steps").status_code == 403
    assert client.post("/first-steps/chatwoot/address", data={}).status_code == 403
    assert "/first-steps" not in client.get("/").text


def test_it_opens_at_the_first_step_that_is_not_done(owner: FlaskClient) -> None:
    assert "¿Cómo se llama?" in owner.get("/first-steps").text
    owner.post("/first-steps/business", data={"business_name": "Azahar", "time_zone": "Europe/Madrid", "language": "es"})
    assert "Dirección de Chatwoot" in owner.get("/first-steps").text
    assert 'href="/first-steps"' in owner.get("/").text


@pytest.mark.parametrize("step", ["business", "chatwoot", "ai", "teach", "try", "mode"])
def test_each_step_opens_by_itself_in_both_languages(owner: FlaskClient, step: str) -> None:
    for language in ("es", "en"):
        owner.set_cookie("language", language)
        page = owner.get(f"/first-steps/{step}")
        assert page.status_code == 200
        assert 'aria-current="step"' in page.text
    assert owner.get("/first-steps/nothing").status_code == 404


def test_the_business_is_saved_and_audited(app: Flask, owner: FlaskClient) -> None:
    data = {"business_name": "Azahar", "time_zone": "America/Mexico_City", "language": "en"}
    assert owner.post("/first-steps/business", data=data).location.endswith("/first-steps/chatwoot")
    settings = read_settings(app)
    assert (settings.business_name, settings.time_zone, settings.language) == ("Azahar", "America/Mexico_City", "en")
    assert "What is it called?" in owner.get("/first-steps/business").text  # the panel speaks it too
    assert "Azahar" in owner.get("/audit").text


def test_a_wrong_zone_keeps_what_was_typed(app: Flask, owner: FlaskClient) -> None:
    page = owner.post("/first-steps/business", data={"business_name": "Azahar", "time_zone": "Marte", "language": "es"})
    assert page.status_code == 422
    assert 'value="Marte"' in page.text
    assert 'value="Azahar"' in page.text
    assert "America/Mexico_City" in page.text
    assert read_settings(app).business_name == ""


# --- Chatwoot: the address and the token -----------------------------------------------------------------------------


def test_an_address_from_the_browsers_bar_will_do(app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    answer = give_address(owner, f"{chatwoot.url}/app/accounts/1/dashboard", chatwoot.admin.token)
    assert answer.status_code == 303
    settings = read_settings(app)
    assert settings.chatwoot_url == chatwoot.url
    assert settings.chatwoot_account_id == 1
    page = owner.get(answer.location).text
    assert "Tienda" in page
    assert "Marta Sol" in page
    assert chatwoot.admin.token not in page


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no es una dirección web"),
        ("ftp://chat.example", "no es una dirección web"),
        ("http://user:pass@chat.example", "no es una dirección web"),
        ("http://127.0.0.1:9", "no responde nadie"),
        ("http://no-such-host.invalid", "no responde nadie"),
    ],
)
def test_a_wrong_address_says_what_to_do(app: Flask, owner: FlaskClient, url: str, said: str) -> None:
    page = give_address(owner, url, "some-token")
    assert page.status_code == 422
    assert said in page.text
    assert "some-token" not in page.text
    assert read_settings(app).chatwoot_url == ""


@pytest.mark.parametrize("answer", ["bad", "agent"])
def test_a_wrong_token_and_an_agents_say_what_to_do(
    app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot, answer: str
) -> None:
    page = give_address(owner, chatwoot.url, "wrong" if answer == "bad" else chatwoot.agent.token)
    assert page.status_code == 422
    assert ("no conoce este token" if answer == "bad" else "token es de un agente") in page.text
    assert read_settings(app).chatwoot_access_token.get_secret_value() == ""


def test_a_bots_token_is_none_that_may(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.world.bots[3] = chatwoot.bot
    page = give_address(owner, chatwoot.url, chatwoot.bot.token)
    assert page.status_code == 422
    assert "administrador" in page.text


@pytest.fixture
def stranger() -> Iterator[Callable[[Answer], str]]:
    """stranger(answer) -> the address of a server that answers everything so."""
    servers: list[HttpServer] = []

    def make(answer: Answer) -> str:
        server = HttpServer(lambda _request: answer)
        server.listen()
        servers.append(server)
        return server.url

    yield make
    for server in servers:
        server.close_listener()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, {"hello": "secret-of-the-inside"}), "pero no es Chatwoot"),
        (Answer(404, {"error": "secret-of-the-inside"}), "pero no es Chatwoot"),
        (Answer(302, headers={"Location": "https://chat.example/login"}), "https://chat.example"),
        (Answer(503, {"a": "secret-of-the-inside"}), "avería suya"),
        (Answer(ending="close"), "cortado"),
    ],
)
def test_what_is_no_chatwoot_is_told_apart_and_never_shown(
    owner: FlaskClient, stranger: Callable[[Answer], str], answer: Answer, said: str
) -> None:
    page = give_address(owner, stranger(answer), "some-token")
    assert page.status_code == 422
    assert said in page.text
    assert "secret-of-the-inside" not in page.text


def test_a_redirect_is_not_followed_with_the_token(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer(302, headers={"Location": f"{chatwoot.url}{request.path}"})

    server = HttpServer(answer)
    server.listen()
    page = give_address(owner, server.url, chatwoot.admin.token)
    server.close_listener()
    assert page.status_code == 422
    assert [r.path for r in asked] == ["/api"]  # it got no token either
    assert "api-access-token" not in asked[0].headers


def test_a_slow_one_ends_in_time(owner: FlaskClient, chatwoot: PretendChatwoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatwoot_setup, "CALL_S", 0.3)
    chatwoot.fault("api", "latency", delay_s=1.5)
    page = give_address(owner, chatwoot.url, chatwoot.admin.token)
    assert page.status_code == 422
    assert "tardado demasiado" in page.text


def test_a_stored_token_is_told_to_no_other_address(
    owner: FlaskClient, chatwoot: PretendChatwoot, stranger: Callable[[Answer], str]
) -> None:
    give_address(owner, chatwoot.url, chatwoot.admin.token)
    assert give_address(owner, chatwoot.url, "").status_code == 303  # the same one may keep it
    page = give_address(owner, stranger(Answer(200, {"version": "4.15.1"})), "")
    assert page.status_code == 422
    assert "token" in page.text


def test_an_account_without_inboxes_says_so(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.world.inboxes.clear()
    give_address(owner, chatwoot.url, chatwoot.admin.token)
    assert "ninguna bandeja de entrada" in owner.get("/first-steps/chatwoot?choose=1").text


def test_another_chatwoot_takes_nothing_of_the_former_one_along(
    app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot
) -> None:
    connect(owner, chatwoot)
    with PretendChatwoot(account_id=9) as other:
        assert give_address(owner, other.url, other.admin.token).status_code == 303
        settings = read_settings(app)
    assert settings.chatwoot_bot_token.get_secret_value() == ""
    assert settings.chatwoot_webhook_secret == ()
    assert settings.chatwoot_inbox_id == ()


def test_a_stale_login_is_asked_for_the_password(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    with owner.session_transaction() as session:
        session["fs_paa"] = 0
    answer = give_address(owner, chatwoot.url, chatwoot.admin.token)
    assert answer.status_code == 303
    assert "/verify" in answer.location


# --- Chatwoot: connecting --------------------------------------------------------------------------------------------


def test_the_bot_is_made_connected_and_its_secrets_are_kept(
    app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot, port: int
) -> None:
    second = chatwoot.add_inbox("Correo", "Channel::Email", has_bot=False) if chatwoot.world.bots else 2
    chatwoot.world.bots.clear()
    page = connect(owner, chatwoot, 1, bot_name="Azahar")
    assert page.status_code == 200, page.text
    (bot,) = chatwoot.world.bots.values()
    assert (bot.name, bot.outgoing_url) == ("Azahar", f"http://127.0.0.1:{port}/webhooks/chatwoot")
    assert chatwoot.inbox.bot_id == bot.id
    assert second not in chatwoot.world.inboxes or chatwoot.world.inboxes[second].bot_id is None
    settings = read_settings(app)
    assert settings.chatwoot_bot_token.get_secret_value() == bot.token
    assert [s.get_secret_value() for s in settings.chatwoot_webhook_secret] == [bot.secret]
    assert settings.chatwoot_inbox_id == (1,)
    for shown in (page.text, owner.get("/first-steps/chatwoot").text, owner.get("/audit").text, owner.get("/settings").text):
        for secret in (bot.token, bot.secret, chatwoot.admin.token):
            assert secret not in shown
    with app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(text("SELECT key, value, secret FROM setting WHERE key LIKE 'chatwoot%'")).all()
    assert all(bot.token not in str(row) and bot.secret not in str(row) for row in rows)
    assert "chatwoot.connect" in owner.get("/audit").text


def test_again_it_is_the_same_bot_and_inboxes_that_are_left_out_lose_it(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.world.bots[9] = chatwoot.bot  # somebody else's
    other = chatwoot.add_inbox("Otra", "Channel::Api", has_bot=False)
    connect(owner, chatwoot, 1, other)
    ours = chatwoot.inbox.bot_id
    page = connect(owner, chatwoot, other, bot_name="Nuevo nombre")
    assert len(chatwoot.world.bots) == 2
    assert chatwoot.world.bots[ours or 0].name == "Nuevo nombre"
    assert chatwoot.inbox.bot_id is None
    assert chatwoot.world.inboxes[other].bot_id == ours
    assert "ya no tiene el bot" in page.text
    assert "al día" in page.text


def test_what_talks_beside_the_bot_is_warned_of(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.inbox.greeting, chatwoot.inbox.out_of_office, chatwoot.inbox.asks_email = "Hola", "Cerrado", True
    give_address(owner, chatwoot.url, chatwoot.admin.token)
    choice = owner.get("/first-steps/chatwoot?choose=1").text
    result = connect(owner, chatwoot).text
    for words in ("un saludo", "fuera de horario", "correo a los visitantes"):
        assert words in choice
        assert words in result


def test_an_inbox_with_captain_is_refused(app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.inbox.has_captain = True
    page = connect(owner, chatwoot)
    assert page.status_code == 422
    assert "Captain" in page.text
    assert chatwoot.world.bots == {}
    other = chatwoot.world.inboxes[2] = type(chatwoot.inbox)(2, "Sin Captain")
    page = connect(owner, chatwoot, 1, 2)
    assert page.status_code == 200
    assert chatwoot.inbox.bot_id is None
    assert other.bot_id is not None
    assert read_settings(app).chatwoot_inbox_id == (2,)


def test_no_inbox_chosen_says_so(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    give_address(owner, chatwoot.url, chatwoot.admin.token)
    page = owner.post("/first-steps/chatwoot/connect", data={"account": "1"})
    assert page.status_code == 422
    assert "Elige al menos una bandeja" in page.text


@pytest.mark.parametrize("chatwoot", ["4.12.0"], indirect=True)
def test_a_chatwoot_that_does_not_sign_gets_a_secret_in_the_path(
    app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot, served: str
) -> None:
    page = connect(owner, chatwoot)
    assert "no firma" in page.text
    token = read_settings(app).webhook_token.get_secret_value()
    (bot,) = chatwoot.world.bots.values()
    assert len(token) > 24
    assert bot.outgoing_url == f"{served}/webhooks/chatwoot/{token}"
    assert token not in page.text
    assert "no puede leer conversaciones" in page.text
    assert "Todo va bien" in owner.post("/first-steps/chatwoot/test").text


def test_what_the_server_fixes_is_grey_and_used(
    owner: FlaskClient, chatwoot: PretendChatwoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatwoot.world.bots[3] = chatwoot.bot
    for name, value in chatwoot.access().items():
        if name.startswith("chatwoot"):
            monkeypatch.setenv(name.upper(), str(value))
    page = owner.get("/first-steps/chatwoot?change=1").text
    assert "CHATWOOT_ACCESS_TOKEN" in page
    assert chatwoot.admin.token not in page
    assert owner.post("/first-steps/chatwoot/address", data={"chatwoot_url": "http://127.0.0.1:9"}).status_code == 303
    assert connect(owner, chatwoot).status_code == 200
    assert list(chatwoot.world.bots) == [3]
    monkeypatch.setenv("CHATWOOT_BOT_TOKEN", "another-bots-token")
    refused = connect(owner, chatwoot)
    assert refused.status_code == 422
    assert "CHATWOOT_BOT_TOKEN" in refused.text
    assert list(chatwoot.world.bots) == [3]


# --- Chatwoot: the test conversation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["Channel::WebWidget", "Channel::Api"])
@pytest.mark.usefixtures("served")
def test_a_test_conversation_goes_through_and_is_closed(
    app: Flask, owner: FlaskClient, chatwoot: PretendChatwoot, channel: str
) -> None:
    chatwoot.inbox.channel = channel
    connect(owner, chatwoot)
    assert "Sin probar todavía" in owner.get("/first-steps").text
    page = owner.post("/first-steps/chatwoot/test").text
    for words in (
        "Chatwoot nos ha avisado",
        "La marca del bot ha vuelto intacta",
        "reconoce su propio mensaje",
        "Todo va bien",
    ):
        assert words in page
    assert "Sin probar todavía" not in owner.get("/first-steps").text
    (conversation,) = chatwoot.world.conversations.values()
    assert conversation.status == "resolved"
    assert [m.private for m in conversation.messages if m.message_type != 0] == [True]  # no customer's text went out
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT ignore_rule FROM message")).scalars().all() == ["answered_elsewhere"]


def test_an_address_that_chatwoot_cannot_reach_is_said(owner: FlaskClient, chatwoot: PretendChatwoot, port: int) -> None:
    connect(owner, chatwoot)  # nobody serves us
    page = owner.post("/first-steps/chatwoot/test").text
    assert "ha intentado avisarnos y no ha podido" in page
    assert f"http://127.0.0.1:{port}" in page
    assert "SAFE_FETCH_ALLOW_PRIVATE_NETWORK" in page
    assert "Todo va bien" not in page


@pytest.mark.usefixtures("served")
def test_a_lost_mark_is_said(owner: FlaskClient, chatwoot: PretendChatwoot, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(owner, chatwoot)
    store_post = chatwoot.store_post
    monkeypatch.setattr(chatwoot, "store_post", lambda *a, **f: store_post(*a, **{**f, "content_attributes": {}}))
    page = owner.post("/first-steps/chatwoot/test").text
    assert "se ha perdido por el camino" in page
    assert "Todo va bien" not in page


def test_an_inbox_that_only_customers_can_write_to_is_said(owner: FlaskClient, chatwoot: PretendChatwoot) -> None:
    chatwoot.inbox.channel = "Channel::Whatsapp"
    connect(owner, chatwoot)
    assert "Haz la prueba: escribe a una de ellas" in owner.post("/first-steps/chatwoot/test").text


# --- AI --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[LlmStandIn]:
    with LlmStandIn() as stand_in:
        yield stand_in


def test_the_key_is_tried_with_a_real_question_and_then_stored(app: Flask, owner: FlaskClient, provider: LlmStandIn) -> None:
    provider.plan(answer={"text": "Estoy listo para ayudar."})
    page = owner.post("/first-steps/ai", data={"openai_api_key": "sk-secret-key-12345678", "openai_base_url": provider.url})
    assert page.status_code == 200
    assert "Estoy listo para ayudar." in page.text
    assert "sk-secret-key" not in page.text
    assert "…5678" in page.text
    assert read_settings(app).openai_api_key.get_secret_value() == "sk-secret-key-12345678"
    assert "Siguiente paso" in page.text


def test_a_refused_key_is_not_stored_and_says_what_the_provider_said(
    app: Flask, owner: FlaskClient, provider: LlmStandIn
) -> None:
    provider.plan(mode="status", status=401, code="invalid_api_key")
    page = owner.post("/first-steps/ai", data={"openai_api_key": "sk-wrong-key-12345678", "openai_base_url": provider.url})
    assert page.status_code == 422
    assert "no acepta esta clave" in page.text
    assert "HTTP 401 invalid_api_key" in page.text
    assert read_settings(app).openai_api_key.get_secret_value() == ""
    assert "Seguir sin IA" in page.text


def test_a_key_without_credit_is_stored_and_says_so(app: Flask, owner: FlaskClient, provider: LlmStandIn) -> None:
    provider.plan(mode="status", status=429, code="insufficient_quota")
    page = owner.post("/first-steps/ai", data={"openai_api_key": "sk-poor-key-12345678", "openai_base_url": provider.url})
    assert "no tiene saldo" in page.text
    assert read_settings(app).openai_api_key.get_secret_value() == "sk-poor-key-12345678"


def test_a_stored_key_is_told_to_no_other_provider(owner: FlaskClient, provider: LlmStandIn) -> None:
    owner.post("/first-steps/ai", data={"openai_api_key": "sk-good-key-12345678", "openai_base_url": provider.url})
    with LlmStandIn() as other:
        page = owner.post("/first-steps/ai", data={"openai_base_url": other.url})
        assert page.status_code == 422
        assert other.requests == []


# --- teaching, trying, starting --------------------------------------------------------------------------------------

TAUGHT = {
    "language": "es",
    "questions": ["¿Qué horario tenéis?\n¿A qué hora abrís?", "¿Cuánto tarda un envío?", "¿Puedo devolver algo?"],
    "answer": ["De 9 a 14.", "Tres días.", "Sí, en 30 días."],
}


def test_three_things_are_taught_tried_kept_and_published(app: Flask, owner: FlaskClient) -> None:
    assert owner.post("/first-steps/teach", data=TAUGHT).location.endswith("/first-steps/try")
    page = owner.get("/first-steps/try").text
    assert "¿A qué hora abrís?" in page
    page = owner.post("/first-steps/try", data={"text": "¿A qué hora abrís?"}).text
    assert "De 9 a 14." in page
    kept = {"text": "¿A qué hora abrís?", "expected": "entry:faq:que-horario-teneis"}
    assert kept["expected"] in page
    assert owner.post("/first-steps/try/keep", data=kept).location.endswith("/first-steps/mode")
    assert "3 cambios aún no están publicados" in owner.get("/first-steps/mode").text
    assert owner.post("/first-steps/mode", data={"mode": "live"}).status_code == 303
    assert read_settings(app).mode == "live"
    page = owner.get("/first-steps?done=1").text
    assert "Ya casi está" in page  # the business and Chatwoot are still to do
    assert page.count("is-done") == 3


def test_rows_without_an_answer_are_left_out_and_none_at_all_is_said(app: Flask, owner: FlaskClient) -> None:
    page = owner.post("/first-steps/teach", data={**TAUGHT, "answer": ["", "", ""]})
    assert page.status_code == 422
    assert "al menos una" in page.text
    owner.post("/first-steps/teach", data={**TAUGHT, "answer": ["", "Tres días.", ""]})
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(text("SELECT key FROM entry")).scalars().all() == ["cuanto-tarda-un-envio"]


def test_teaching_again_keeps_what_was_there(app: Flask, owner: FlaskClient) -> None:
    owner.post("/first-steps/teach", data=TAUGHT)
    owner.post("/first-steps/teach", data={**TAUGHT, "answer": ["De 10 a 15.", "", ""]})
    with app.app_context(), db.engine.connect() as connection:
        keys = connection.execute(text("SELECT key FROM entry ORDER BY id")).scalars().all()
    assert keys[-1] == "que-horario-teneis-2"
    assert "¿Qué horario tenéis?" not in owner.get("/first-steps/teach").text  # what is taught isn't proposed again
    assert len(keys) == 4


def test_an_answer_without_questions_keeps_what_was_typed(owner: FlaskClient) -> None:
    page = owner.post("/first-steps/teach", data={**TAUGHT, "questions": ["", "¿Y esto?", ""]})
    assert page.status_code == 422
    assert "De 9 a 14." in page.text
    assert "¿Y esto?" in page.text


def test_markup_in_what_is_typed_stays_text(owner: FlaskClient) -> None:
    bad = "<img src=x onerror=alert(1)>"
    owner.post("/first-steps/business", data={"business_name": bad, "time_zone": "Europe/Madrid", "language": "es"})
    owner.post("/first-steps/teach", data={"language": "es", "questions": [bad], "answer": [bad]})
    pages = [owner.get(f"/first-steps/{step}").text for step in ("business", "teach", "try", "mode")]
    pages.append(owner.post("/first-steps/try", data={"text": bad}).text)
    pages.append(give_address(owner, bad, bad).text)
    assert all("<img" not in page for page in pages)
