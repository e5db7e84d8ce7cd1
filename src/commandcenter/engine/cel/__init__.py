"""The Common Expression Language, with a budget.

Why not a library: the fast one at hand (Rust) has no bound on time or memory (a chain of `map`
doubles a string per link), holds the interpreter's lock meanwhile, copies the whole context per
evaluation and doesn't tell which fields an expression refers to; the Python one has no bound
either. Here each evaluation has a budget of steps, and the syntax tree is ours to check.

Left out: protobuf messages, enums and wrapper types, which JSON values cannot be.
"""
