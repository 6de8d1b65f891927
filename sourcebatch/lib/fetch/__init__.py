"""The one door to outside URLs: nothing else here opens an address that came from a person or a file.

`fetch` brings one resource within bounds of bytes and time, politely and only from where it is allowed;
`fetch_many` and `as_done` do so for many at once. `post_json` sends one message.
"""

from sourcebatch.lib.fetch.door import Fetched, FetchError, fetch
from sourcebatch.lib.fetch.hosts import forget_hosts
from sourcebatch.lib.fetch.many import as_done, fetch_many
from sourcebatch.lib.fetch.send import post_json
from sourcebatch.lib.fetch.urls import shown

__all__ = ["FetchError", "Fetched", "as_done", "fetch", "fetch_many", "forget_hosts", "post_json", "shown"]
