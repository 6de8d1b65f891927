"""The rooms of the library: reading room, review, public pages, page images."""
