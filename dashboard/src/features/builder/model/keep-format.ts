import { type Document, LineCounter, parseDocument, type ToStringOptions } from "yaml";
import { matchLines } from "@/lib/line-diff";

/** Read a text as the hub does: YAML 1.2, so that `yes` and `on` are words. */
export const parse = (text: string, lineCounter?: LineCounter): Document =>
  parseDocument(text, { version: "1.2", schema: "core", lineCounter });

type Known = { text: string; document: Document; counter: LineCounter };
let last: Known | null = null;

/**
 * A text's document, not to be changed, and where its lines begin. The last one is remembered: what
 * an edit made is read next, and then is what the next edit begins with.
 */
export function read(text: string): Known {
  if (last?.text !== text) {
    const counter = new LineCounter();
    last = { text, document: parse(text, counter), counter };
  }
  return last;
}

/** The text cannot be changed this way; the message is for the person who tried. */
export class EditRefused extends Error {}

/**
 * Change a text by changing its document, and leave every line as it was written that the change
 * does not touch: comments, order, quotes, blank lines. Raises `EditRefused`.
 */
export function edited(text: string, change: (document: Document) => void): string {
  const { document: written } = read(text);
  if (written.errors.length > 0) {
    throw new EditRefused("The YAML cannot be read at the moment. Mend it first, or undo.");
  }
  const document = written.clone();
  const style = styleOf(text);
  const before = document.toString(style);
  change(document);
  let after: string;
  try {
    after = document.toString(style);
  } catch {
    throw new EditRefused("Another place in the YAML refers to this one by an alias (*name).");
  }
  const meant = JSON.stringify(document.toJS());
  // A step alone is written anew where its own lines do not go with the printer's.
  for (const depth of [Number.POSITIVE_INFINITY, style.indent ?? 0]) {
    const kept = patched(text, before, after, depth);
    if (means(kept) === meant) return kept;
  }
  return after;
}

function means(text: string): string | null {
  const { document } = read(text);
  return document.errors.length > 0 ? null : JSON.stringify(document.toJS());
}

function styleOf(text: string): ToStringOptions {
  const indent = /^( +)[^\s#]/m.exec(text)?.[1]?.length ?? 2;
  const tight = text.match(/(?<![{[])[{[][^\s{}[\]]/g)?.length ?? 0;
  const padded = text.match(/(?<![{[])[{[] [^\s{}[\]]/g)?.length ?? 0;
  const isJson = text.trimStart().startsWith("{");
  return {
    lineWidth: 0,
    indent: Math.min(8, indent),
    indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*\n\1- /m.test(text),
    flowCollectionPadding: padded > tight,
    ...(isJson ? { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "QUOTE_DOUBLE" } : {}),
  };
}

const withoutSpace = (line: string) => line.replaceAll(/\s+/g, "");

type Block = { from: number; to: number; first: number; last: number };

/**
 * Make of `text` what `before` became: `before` is the same document in the printer's own layout,
 * so lines that it left alone are taken from `text`. Lines deeper than `depth` stay together.
 */
function patched(text: string, before: string, after: string, depth: number): string {
  const written = text.split("\n");
  const printed = before.split("\n");
  const changed = after.split("\n");
  const survives = matchLines(printed, changed);
  const result: string[] = [];
  let next = 0;
  for (const block of joined(blocks(written, printed), printed, depth)) {
    const place = survives[block.first] ?? -1;
    const isWhole = survives
      .slice(block.first, block.last)
      .every((match, index) => match !== -1 && match === place + index);
    if (!isWhole) continue;
    result.push(...changed.slice(next, place), ...written.slice(block.from, block.to));
    next = place + block.last - block.first;
  }
  result.push(...changed.slice(next));
  return result.join("\n");
}

/** Cut both layouts into pieces that say the same; lines of one alone belong to the next piece. */
function blocks(written: string[], printed: string[]): Block[] {
  const matches = matchLines(written.map(withoutSpace), printed.map(withoutSpace));
  const found: Block[] = [];
  let from = 0;
  let first = 0;
  matches.forEach((match, line) => {
    if (match === -1) return;
    // What the printer wrote otherwise stands between two lines that are the same in both.
    if (match > first) {
      found.push({ from, to: line, first, last: match });
      from = line;
    }
    found.push({ from, to: line + 1, first: match, last: match + 1 });
    from = line + 1;
    first = match + 1;
  });
  if (first < printed.length || from < written.length) {
    found.push({ from, to: written.length, first, last: printed.length });
  }
  return found.filter(({ first, last }) => last > first);
}

function joined(pieces: Block[], printed: string[], depth: number): Block[] {
  const found: Block[] = [];
  for (const piece of pieces) {
    const last = found.at(-1);
    const indent = printed[piece.first]?.search(/\S|$/) ?? 0;
    if (last !== undefined && indent > depth) {
      last.to = piece.to;
      last.last = piece.last;
    } else found.push({ ...piece });
  }
  return found;
}
