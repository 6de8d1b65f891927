"""The look of the admin: names, colours and the few entries of its side bar."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Any:
    """Whether the person looking may see an entry."""
    return lambda request: request.user.has_perm(permission)


def _review_url() -> str:
    from sourcebatch.lib.show import link

    return link("review-queue")


def _may_review(request: HttpRequest) -> bool:
    return bool(_review_url()) and request.user.has_perm("books.view_pagetext")


def _entry(title: Any, icon: str, view: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view}"),
        "permission": _may(permission),
    }


_WORK: list[dict[str, Any]] = [
    {"title": _("Dashboard"), "icon": "space_dashboard", "link": reverse_lazy("admin:index")},
    _entry(_("Books"), "menu_book", "books_book_changelist", "books.view_book"),
    _entry(_("Pages"), "description", "books_page_changelist", "books.view_page"),
    {
        "title": _("Search"),
        "icon": "search",
        "link": reverse_lazy("search"),
        "permission": _may("books.view_page"),
    },
    _entry(_("Jobs"), "checklist", "jobs_job_changelist", "jobs.view_job"),
    {
        "title": _("Review"),
        "icon": "rate_review",
        "link": lazy(_review_url, str)(),
        "permission": _may_review,
    },
]
_MONEY: list[dict[str, Any]] = [
    {
        "title": _("Statistics"),
        "icon": "bar_chart",
        "link": reverse_lazy("statistics"),
        "permission": _may("books.view_book"),
    },
    _entry(_("Models and prices"), "sell", "jobs_geminimodel_changelist", "jobs.view_geminimodel"),
    _entry(_("Prompts"), "edit_note", "jobs_promptversion_changelist", "jobs.view_promptversion"),
    _entry(_("Spending"), "payments", "jobs_paidcall_changelist", "jobs.view_paidcall"),
    _entry(_("Gemini batches"), "cloud_upload", "jobs_geminibatch_changelist", "jobs.view_geminibatch"),
]
_HOUSE: list[dict[str, Any]] = [
    _entry(_("API tokens"), "key", "books_apitoken_changelist", "books.view_apitoken"),
    _entry(_("Users"), "group", "auth_user_changelist", "auth.view_user"),
    _entry(_("Roles"), "badge", "auth_group_changelist", "auth.view_group"),
    _entry(_("Schedules"), "schedule", "django_q_schedule_changelist", "django_q.view_schedule"),
    _entry(_("Change log"), "history", "admin_logentry_changelist", "admin.view_logentry"),
]

# Ink and paper: a green like oxidised copper on neutral, slightly warm greys. Contrast is checked by axe in the tests.
_PAPER = {
    "50": "#faf9f7", "100": "#f2f0ec", "200": "#e3dfd8", "300": "#cdc7bd", "400": "#a39c90", "500": "#6f695f",
    "600": "#57524a", "700": "#45413b", "800": "#2c2a27", "900": "#1d1c1a", "950": "#131211",
}  # fmt: skip
_COPPER = {
    "50": "#effaf6", "100": "#d7f2e8", "200": "#b1e4d3", "300": "#7fcfb8", "400": "#48b398", "500": "#2f9c82",
    "600": "#14705c", "700": "#125a4b", "800": "#12483d", "900": "#103b33", "950": "#07221e",
}  # fmt: skip

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Sourcebatch",
    "SITE_HEADER": "Sourcebatch",
    "SITE_SUBHEADER": _("Reading old books in bulk"),
    "SITE_SYMBOL": "auto_stories",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("sourcebatch/icon.svg")}
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "base": _PAPER,
        "primary": _COPPER,
        "font": {
            "subtle-light": "var(--color-base-500)",
            "subtle-dark": "var(--color-base-400)",
            "default-light": "var(--color-base-700)",
            "default-dark": "var(--color-base-200)",
            "important-light": "var(--color-base-950)",
            "important-dark": "var(--color-base-50)",
        },
    },
    "STYLES": [lambda request: static("sourcebatch/admin.css")],
    "SCRIPTS": [lambda request: static("sourcebatch/admin.js")],
    "DASHBOARD_CALLBACK": "sourcebatch.dashboard.dashboard",
    "GLOBAL_CALLBACK": "sourcebatch.dashboard.on_every_page",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": _WORK},
            {"title": _("Machine and money"), "separator": True, "items": _MONEY},
            {"title": _("The house"), "separator": True, "items": _HOUSE},
        ],
    },
}
