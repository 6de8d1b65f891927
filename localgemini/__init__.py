"""A Gemini-compatible server on loopback: batches, files and models, with faults on demand. See README.md."""
