"""An answer as Google shapes it: candidates, parts, finish reason, usage, cut at the output limit."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from localgemini import tokens
from localgemini.requests_in import Request


@dataclass
class Answer:
    """A response being made: faults may still change it before it is written."""

    request: Request
    text: str
    finish: str = "STOP"
    thoughts: int = 0
    maker: str = ""

    @classmethod
    def to(cls, request: Request, text: str) -> Answer:
        """The engine's text within the request's limit; thoughts eat of that limit first."""
        thoughts = min(request.thinking, request.max_output)
        room = (request.max_output - thoughts) * tokens.CHARS_PER_TOKEN
        if len(text) > room:
            return cls(request, text[:room], "MAX_TOKENS", thoughts)
        return cls(request, text, "STOP", thoughts)

    def response(self) -> dict[str, Any]:
        """The whole `GenerateContentResponse`. An empty text has no parts."""
        parts = [{"text": self.text}] if self.text else []
        return self.with_parts(parts)

    def with_parts(self, parts: list[dict[str, Any]] | None) -> dict[str, Any]:
        """The response with these parts, or without any content for None."""
        candidate: dict[str, Any] = {"finishReason": self.finish, "index": 0}
        if parts is not None:
            candidate["content"] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        text = "".join(str(part.get("text", "")) for part in parts or [] if not part.get("thought"))
        return {"candidates": [candidate], **self.tail(text)}

    def tail(self, text: str) -> dict[str, Any]:
        """What every response ends with, whatever its candidates."""
        return {
            "usageMetadata": tokens.usage(
                tokens.of_prompt(self.request), tokens.of_text(text), self.thoughts
            ),
            "modelVersion": self.maker or self.request.model.name,
            "responseId": secrets.token_urlsafe(16),
        }
