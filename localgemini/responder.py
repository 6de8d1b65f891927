"""From a request to its response: the pictures are read, or the stand-in says that it does not translate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localgemini import outcomes, requests_in, tokens
from localgemini.answers import Answer
from localgemini.catalogue import Model
from localgemini.engines.base import BLANK, Engine
from localgemini.faults import Faults
from localgemini.requests_in import Request
from localgemini.store import Store
from localgemini.untranslated import stand_in


@dataclass(frozen=True)
class Page:
    """Where a request stands: its key in the batch (empty for a direct call) and the batch's display name."""

    model: Model
    key: str = ""
    display_name: str = ""

    def facts(self) -> dict[str, str]:
        return {"model": self.model.name, "key": self.key, "display_name": self.display_name}


class Responder:
    """Answers requests with an engine, and lets the faults spoil the answers."""

    def __init__(self, engine: Engine, store: Store, faults: Faults, maker: str = "") -> None:
        self.engine = engine
        self.store = store
        self.faults = faults
        self.maker = maker

    def generate(self, body: Any, model: Model) -> dict[str, Any]:
        """A direct call. Raises GoogleError."""
        page = Page(model)
        return self.respond(body, page, self.faults.at_page(page.facts(), in_batch=False))

    def respond(self, body: Any, page: Page, fault: dict[str, Any] | None) -> dict[str, Any]:
        """The response to one request. Raises BadRequest, or LineError where a fault asks for it."""
        request = requests_in.parse(body, page.model)
        text = "" if fault and fault["outcome"] in ("error", "text") else self.text(request)
        answer = Answer.to(request, text)
        answer.maker = str(self.store.setting("model_version") or self.maker)
        return outcomes.apply(answer, fault)

    def text(self, request: Request) -> str:
        """A transcription where the request has a picture, else a notice that nothing was translated."""
        if not request.images:
            return stand_in(request.texts)
        lines = int(self.store.setting("text_lines"))
        pages = [self.engine.read(image, lines) for image in request.images]
        text = "\n\n".join(page for page in pages if page)
        return text or (BLANK if BLANK in request.prompt else "")

    def count(self, body: Any, model: Model) -> dict[str, Any]:
        """The answer to `:countTokens`, of `contents` or of a whole `generateContentRequest`."""
        inner = body.get("generateContentRequest") if isinstance(body, dict) else None
        counts = tokens.of_prompt(requests_in.parse(inner or body, model))
        return {"totalTokens": sum(counts.values()), "promptTokensDetails": tokens.details(counts)}
