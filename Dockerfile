# The web server by default; the same image runs the worker with `python manage.py worker --respawn`.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data HOST=0.0.0.0 PORT=8000
WORKDIR /app
COPY requirements-server.lock ./
# What a server needs, by hash; the local stand-in's OCR engine stays out.
RUN pip install --no-cache-dir --require-hashes -r requirements-server.lock
COPY . .
RUN useradd --system --uid 10001 --no-create-home sourcebatch \
    && mkdir /data && chown sourcebatch /data \
    && SECRET_KEY=only-for-this-step DATA_DIR=/tmp/build python manage.py collectstatic --noinput -v 0
USER sourcebatch
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import os, socket; socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 5)"]
CMD ["python", "-m", "gunicorn", "-c", "deploy/gunicorn.py", "sourcebatch.wsgi"]
