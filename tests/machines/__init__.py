"""Several machines on one PostgreSQL and one S3 store."""
