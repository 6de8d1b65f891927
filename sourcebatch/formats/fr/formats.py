"""Dates in French, short enough for tables: 23 nov. 2026, 15:53."""

DATE_FORMAT = "j N Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j N Y, H:i"
SHORT_DATETIME_FORMAT = "d/m/Y, H:i"
