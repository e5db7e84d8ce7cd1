const MOST_CELLS = 4_000_000;

/**
 * Find the lines two texts share, in order: for each line of `before` its place in `after`, or -1.
 * Texts too large to compare line by line share what they begin and end with.
 */
export function matchLines(before: readonly string[], after: readonly string[]): number[] {
  const matches = new Array<number>(before.length).fill(-1);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) {
    matches[start] = start;
    start += 1;
  }
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    matches[before.length - 1 - end] = after.length - 1 - end;
    end += 1;
  }
  const rows = before.length - start - end;
  const columns = after.length - start - end;
  if (rows === 0 || columns === 0 || rows * columns > MOST_CELLS) return matches;

  // lengths[i][j]: the longest common run of what is left after row i and column j.
  const width = columns + 1;
  const lengths = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      lengths[row * width + column] =
        before[start + row] === after[start + column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (before[start + row] === after[start + column]) {
      matches[start + row] = start + column;
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return matches;
}

const CONTEXT = 3;

/** Write the difference of two texts as a unified diff; empty where there is none. */
export function unifiedDiff(before: string, after: string, name: string): string {
  const rows = editScript(linesOf(before), linesOf(after));
  const hunks: string[] = [];
  let index = rows.findIndex(({ sign }) => sign !== " ");
  while (index !== -1) {
    const first = Math.max(0, index - CONTEXT);
    let last = index;
    for (let next = index; next < rows.length && next <= last + 2 * CONTEXT; next++) {
      if (rows[next]?.sign !== " ") last = next;
    }
    const shown = rows.slice(first, last + CONTEXT + 1);
    const olds = shown.filter(({ sign }) => sign !== "+").length;
    const news = shown.filter(({ sign }) => sign !== "-").length;
    const { old, now } = rows[first] ?? { old: 0, now: 0 };
    hunks.push(
      `@@ -${old + 1},${olds} +${now + 1},${news} @@`,
      ...shown.map(({ sign, text }) => sign + text),
    );
    index = rows.findIndex(({ sign }, row) => row > last && sign !== " ");
  }
  return hunks.length === 0 ? "" : [`--- a/${name}`, `+++ b/${name}`, ...hunks, ""].join("\n");
}

const linesOf = (text: string) => (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");

type Row = { sign: " " | "+" | "-"; text: string; old: number; now: number };

function editScript(before: readonly string[], after: readonly string[]): Row[] {
  const rows: Row[] = [];
  let now = 0;
  const addUpTo = (end: number, old: number) => {
    for (; now < end; now++) rows.push({ sign: "+", text: after[now] ?? "", old, now });
  };
  matchLines(before, after).forEach((match, old) => {
    const text = before[old] ?? "";
    if (match === -1) rows.push({ sign: "-", text, old, now });
    else {
      addUpTo(match, old);
      rows.push({ sign: " ", text, old, now: now++ });
    }
  });
  addUpTo(after.length, before.length);
  return rows;
}
