"""Static security checks: ruff's security rules for Python, own patterns for other languages."""
