"""What browsers get of the library apart from the admin: page images, reading room, review, public pages."""
