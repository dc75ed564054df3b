"""The web kit: routes with a permission, problems in two languages, idempotent commands, cursors, ETags."""

from shared.web.api import Api, Caller, Read, Vaulted, Work, configured, etag
from shared.web.paging import LongPaging, Page, Paging, ShortPaging, narrowed
from shared.web.problems import NotFound, Problem

__all__ = [
    "Api",
    "Caller",
    "LongPaging",
    "NotFound",
    "Page",
    "Paging",
    "Problem",
    "Read",
    "ShortPaging",
    "Vaulted",
    "Work",
    "configured",
    "etag",
    "narrowed",
]
