import { visible } from "./visible";

export type DiffLine = {
  kind: "added" | "removed" | "hunk" | "same" | "meta";
  old: number | null;
  new: number | null;
  text: string;
};

export type DiffFile = { name: string; lines: DiffLine[] };

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * Split a unified diff into files and number its lines. Every line of the text is in the result,
 * whatever it is: what is approved must be what was seen.
 */
export function parseDiff(text: string): DiffFile[] {
  const files: DiffFile[] = [];
  let file: DiffFile | undefined;
  let oldLine = 0;
  let newLine = 0;
  let oldLeft = 0;
  let newLeft = 0;
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
  for (const raw of lines) {
    const line = visible(raw);
    const inHunk = oldLeft > 0 || newLeft > 0;
    const begins = !inHunk && (raw.startsWith("diff --git ") || startsBareFile(raw, file));
    if (file === undefined || begins) {
      file = { name: "", lines: [] };
      files.push(file);
    }
    const hunk = inHunk ? null : HUNK.exec(raw);
    if (hunk !== null) {
      oldLine = Number(hunk[1]);
      oldLeft = Number(hunk[2] ?? 1);
      newLine = Number(hunk[3]);
      newLeft = Number(hunk[4] ?? 1);
      file.lines.push({ kind: "hunk", old: null, new: null, text: line });
    } else if (inHunk && raw.startsWith("+")) {
      file.lines.push({ kind: "added", old: null, new: newLine++, text: line.slice(1) });
      newLeft -= 1;
    } else if (inHunk && raw.startsWith("-")) {
      file.lines.push({ kind: "removed", old: oldLine++, new: null, text: line.slice(1) });
      oldLeft -= 1;
    } else if (inHunk && !raw.startsWith("\\")) {
      file.lines.push({ kind: "same", old: oldLine++, new: newLine++, text: line.slice(1) });
      oldLeft -= 1;
      newLeft -= 1;
    } else {
      file.name = nameIn(line) ?? file.name;
      file.lines.push({ kind: "meta", old: null, new: null, text: line });
    }
  }
  return files;
}

/** A file of a diff without git's own lines: its `---` comes after the hunks of the one before. */
function startsBareFile(line: string, file: DiffFile | undefined): boolean {
  return line.startsWith("--- ") && (file?.lines.some(({ kind }) => kind === "hunk") ?? false);
}

function nameIn(line: string): string | null {
  const git = /^diff --git a\/.* b\/(.*)$/.exec(line);
  if (git !== null) return git[1] ?? null;
  const after = /^(?:\+\+\+|---) (?:[ab]\/)?([^\t]+)/.exec(line);
  return after === null || after[1] === "/dev/null" ? null : (after[1] ?? null);
}
