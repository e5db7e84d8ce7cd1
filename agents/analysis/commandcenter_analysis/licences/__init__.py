"""Which licences a repository and its parts are under, and whether they go together."""
