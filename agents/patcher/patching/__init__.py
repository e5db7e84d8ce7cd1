"""Apply a patch to a branch of a git repository: without a checkout, wholly or not at all."""
