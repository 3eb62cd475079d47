"""The schema, the session, and the one translation of a query to SQL."""
