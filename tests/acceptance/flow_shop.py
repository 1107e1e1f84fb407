"""A shop with a flow that reads, proves, changes and hands over, in real processes: for crashes, sabotage and the villain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from checker import Violation
from standins.shop_api import ShopAnswer, ShopApi
from web.test_security_mail import Post

from acceptance.box import Box
from acceptance.conftest import Maker
from chatbot.content import publish, save_drafts
from chatbot.flows.definition import Flow

ORDER, NOTES = "/api/pedidos/AZ-204518", "/api/notas"
ASKED, CODE = "¿Qué número tiene?", "Está enviado. ¿Qué código te ha llegado por correo?"
DONE = "Apuntado, N-7. Lo paso a una persona."
FAILED = "No he podido hacerlo. Lo paso a una persona."
BEGIN, NUMBER = "quiero apuntar una nota", "AZ-204518"


def make_flow(shop_url: str) -> Flow:
    token = {"Authorization": "Bearer {{secret.tienda}}"}
    common = {"headers": token, "timeout_s": 6, "on_error": "falla"}
    return Flow.model_validate({
        "key": "apuntar-nota",
        "title": {"es": "Apuntar una nota"},
        "start": {"phrases": {"es": ["apuntar una nota"]}},
        "slots": {
            "pedido": {"type": "order_number", "pattern": r"AZ-?\d{6}", "label": {"es": "el pedido"}},
            "estado": {"type": "text"}, "nota": {"type": "text"}, "correo": {"type": "email", "private": True},
        },
        "steps": [
            {"id": "cual", "do": "ask", "slot": "pedido", "text": {"es": ASKED}},
            {"id": "mira", "do": "call", "url": f"{shop_url}/api/pedidos/{{{{slot.pedido}}}}", **common,
             "takes": {"estado": "status", "correo": "email"}},
            {"id": "quien", "do": "verify", "slot": "correo", "by": "mail", "on_error": "falla",
             "text": {"es": "Está {{slot.estado}}. ¿Qué código te ha llegado por correo?"}},
            {"id": "pon", "do": "call", "method": "POST", "url": f"{shop_url}{NOTES}", **common,
             "body": {"pedido": "{{slot.pedido}}"}, "takes": {"nota": "id"}},
            {"id": "marca", "do": "change", "labels": ["nota"], "priority": "high", "attributes": {"pedido": "{{slot.pedido}}"},
             "note": {"es": "Nota {{slot.nota}} del pedido {{slot.pedido}}"}},
            {"id": "pasa", "do": "handoff", "text": {"es": "Apuntado, {{slot.nota}}. Lo paso a una persona."},
             "reason": {"es": "Nota puesta"}},
            {"id": "falla", "do": "handoff", "text": {"es": FAILED}, "reason": {"es": "Nota sin poner"}},
        ],
    })  # fmt: skip


class FlowShop:
    """The box with the shop's server and the mail server that its flow needs."""

    def __init__(self, make: Maker, shop: ShopApi, post: Post, workers: int = 2, **options: Any) -> None:
        self.shop, self.post, self.opened = shop, post, 0
        mail = {
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(post.port),
            "MAIL_USE_TLS": "false",
            "MAIL_SENDER": "bot@a.example",
        }
        secrets = {"FLOW_HOSTS": shop.host, "FLOW_SECRETS": "tienda=secreto-de-la-tienda"}
        self.box: Box = make(workers=0, **secrets, **mail, **options)
        self.box.settings["PUBLIC_URL"] = self.box.url  # no mail is sent without
        self.box.worker_count = workers
        for number in range(workers):
            self.box.start_worker(number)
        with self.box.engine.begin() as connection:
            save_drafts(connection, [make_flow(shop.url)], "test")
            publish(connection, "test")
        self.open()

    def open(self, **answers: list[ShopAnswer]) -> None:
        """Forgets what was asked and mailed. answers: by path. Every order is somebody else's: an address gets few codes."""
        self.opened += 1
        self.owner = f"ana{self.opened}@example.com"
        self.shop.asked.clear()
        self.post.mails.clear()
        self.shop.answers = {
            ORDER: [ShopAnswer({"status": "enviado", "email": self.owner})],
            NOTES: [ShopAnswer({"id": "N-7"})],
        }
        self.shop.answers |= answers

    def say(self, text: str, conversation: int | None = None) -> int:
        return self.box.pretend.customer(text, conversation=conversation)["conversation"]

    def read_code(self) -> str:
        found = re.search(r"\b\d{6}\b", self.post.mails[-1].get_content())
        assert found
        return found[0]

    def come_to_the_number(self) -> int:
        conversation = self.say(BEGIN)
        self.box.settle(25)
        assert self.box.texts(conversation) == [ASKED]
        return conversation

    def come_to_the_code(self) -> int:
        conversation = self.come_to_the_number()
        self.say(NUMBER, conversation)
        self.box.settle(25)
        assert self.box.texts(conversation) == [ASKED, CODE], self.box.report()
        return conversation

    @property
    def asked(self) -> list[str]:
        return [str(asked) for asked in self.shop.asked]

    def find_run(self, conversation: int) -> dict[str, Any]:
        """The conversation's run; {} for none, or where people have taken over."""
        rows = self.box.rows(
            "SELECT CASE WHEN flow_run ->> 'human_seq' = human_seq::text THEN flow_run -> 'run' END AS run"
            " FROM conversation WHERE chatwoot_id = :id", id=conversation,
        )  # fmt: skip
        return rows[0]["run"] or {} if rows else {}

    def list_doubled(self) -> Iterator[Violation]:
        if self.asked.count(f"POST {NOTES}") > 1:
            yield Violation("P3", None, None, "the shop was asked to change something twice")


@contextmanager
def open_shop() -> Iterator[tuple[ShopApi, Post]]:
    with ShopApi() as shop:
        yield shop, Post()
