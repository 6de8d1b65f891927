"""Filters for templates that show texts of the library."""
