"""The syntax tree. Chains are flat lists, so its depth is the depth of the brackets."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class MapLiteral:
    entries: "tuple[tuple[Expression, Expression], ...]"


@dataclass(frozen=True, slots=True)
class Select:
    """`.field`; `end` is the offset after it, so that messages can show the path."""

    field: str
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Index:
    key: "Expression"
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function; as a step of a `Path` it is called on what stands before it."""

    name: str
    arguments: "tuple[Expression, ...]"
    offset: int


@dataclass(frozen=True, slots=True)
class Macro:
    """`all`, `exists`, `exists_one`, `map` or `filter` over what stands before it."""

    name: str
    variable: str
    arguments: "tuple[Expression, ...]"
    offset: int


@dataclass(frozen=True, slots=True)
class Path:
    """A value and what follows it: fields, indexes, calls."""

    start: "Expression"
    steps: "tuple[Select | Index | Call | Macro, ...]"
    offset: int


@dataclass(frozen=True, slots=True)
class Has:
    """The macro `has(path.field)`."""

    operand: "Expression"
    field: str


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    count: int
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Chain:
    """`first op second op third`, evaluated from the left; operators of one precedence."""

    first: "Expression"
    rest: "tuple[tuple[str, Expression], ...]"


@dataclass(frozen=True, slots=True)
class Logic:
    """`a && b && c` or `a || b || c`."""

    operator: str
    operands: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Conditional:
    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


Expression = (
    Literal
    | Name
    | ListLiteral
    | MapLiteral
    | Call
    | Path
    | Has
    | Unary
    | Chain
    | Logic
    | Conditional
)
