"""Turn facts into words for people: masked, escaped, and cut to what a channel takes."""
