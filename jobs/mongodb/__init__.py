"""Libraries of the system before this one, which kept books, pages and jobs in MongoDB collections of those names.

`sources` reads documents from a server or from dump files, `rows` makes rows of them, `bring` writes what is new.
"""
