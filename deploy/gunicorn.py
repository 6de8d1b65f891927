"""How gunicorn serves the site: `python -m gunicorn -c deploy/gunicorn.py sourcebatch.wsgi`.

Threads, because a request waits for the database more than it computes; two processes, so that one long export keeps
nobody waiting. All comes from the environment: HOST, PORT, WEB_PROCESSES, WEB_THREADS.
"""

import os
from pathlib import Path

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# An upload of 4 GB over a slow line, an export of a large book: threads answer the guard meanwhile.
timeout = 120
graceful_timeout = 30
keepalive = 5
# What leaks in some library is given back: after so many requests a process is replaced.
max_requests = 10_000
max_requests_jitter = 1_000
# Signs of life on a disk that is busy would look like a stuck process.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Nobody steers it by a socket: systemd and Docker send signals, and its user has no home to put one.
control_socket_disable = True
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(L)ss'
