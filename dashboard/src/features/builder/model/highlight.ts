export type Token = { kind: "key" | "comment" | "template" | "plain"; text: string };

const TOKENS =
  /(?<comment>(?<=^|\s)#.*$)|(?<key>(?<=^\s*(?:- )?|[{,]\s*)[\w.-]+(?=:(?:\s|$)))|(?<template>\{\{.*?\}\}\}?)/g;

/** Cut a line of YAML into what is coloured and what is not; put together it is the line. */
export function tokens(line: string): Token[] {
  const found: Token[] = [];
  let end = 0;
  for (const match of line.matchAll(TOKENS)) {
    if (match.index > end) found.push({ kind: "plain", text: line.slice(end, match.index) });
    const groups = match.groups ?? {};
    const kind = groups.comment ? "comment" : groups.key ? "key" : "template";
    found.push({ kind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < line.length || found.length === 0) found.push({ kind: "plain", text: line.slice(end) });
  return found;
}
