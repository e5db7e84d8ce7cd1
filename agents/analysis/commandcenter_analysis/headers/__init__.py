"""Which HTTP security headers a repository's servers and applications leave out."""
