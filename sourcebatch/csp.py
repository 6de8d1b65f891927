"""Content-Security-Policy by room: each page may load and run what it needs, and no room runs inline scripts.

The strictest holds unless a room says more, so an address that nobody thought of is strict too.
"""

from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Policy = dict[str, Any]

# Public pages, the API, images: styles and pictures of our own, no scripts at all.
STRICT: Policy = {
    "default-src": [NONE],
    "img-src": [SELF, "data:"],
    "style-src": [SELF],
    "font-src": [SELF],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
# Reading room, review and search: scripts of our own; the viewer asks libraries' image services directly.
READING: Policy = STRICT | {
    "script-src": [SELF],
    "style-src": [SELF, NONCE],
    "img-src": [SELF, "data:", "blob:", "https:", "http:"],
    "connect-src": [SELF, "https:", "http:"],
}
# The admin: Unfold's Alpine.js evaluates the expressions in its attributes, and its pages carry styles inline.
ADMIN: Policy = STRICT | {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:"],
}
ROOMS = (
    ("/admin/", ADMIN),
    ("/read/", READING),
    ("/review/", READING),
    ("/search/", READING),
    ("/statistics/", READING),
)


def policy_of(path: str) -> Policy:
    """The policy of the room that a path is in."""
    return next((policy for start, policy in ROOMS if path.startswith(start)), STRICT)


class PolicyByRoom(CSPMiddleware):
    """django-csp with our choice of policy."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.config = policy_of(request.path_info)
        return parts
