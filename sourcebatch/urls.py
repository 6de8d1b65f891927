"""Addresses: the admin, the JSON API without trailing slashes, health."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from sourcebatch.health import health, metrics
from sourcebatch.lib.http import nothing_here, route
from sourcebatch.openapi import show_document

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="front"),
    path("admin/", admin.site.urls),
    path("language", set_language, name="set_language"),
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("", include("books.page_urls")),
    path("", include("jobs.reading_actions")),
    path("api/", include("books.urls")),
    path("api/", include("jobs.urls")),
    route("api/openapi.json", get=show_document),
    re_path("^api(/.*)?$", nothing_here),
]
# Under /api/ these answer in JSON, elsewhere they are Django's own.
handler400 = "sourcebatch.lib.http.bad_request"
handler403 = "sourcebatch.lib.http.permission_denied"
handler404 = "sourcebatch.lib.http.not_found"
handler500 = "sourcebatch.lib.http.server_error"
