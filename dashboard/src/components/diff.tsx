import "./diff.css";
import { useMemo } from "react";
import { type DiffFile, parseDiff } from "@/lib/diff";
import { count } from "@/lib/format";

const SIGNS = { added: "+", removed: "−", same: " ", hunk: "", meta: "" } as const;
const LONG = 400;

/** A patch, file by file, each line with its numbers before and after. */
export function Diff({ text }: { text: string }) {
  const files = useMemo(() => parseDiff(text), [text]);
  return (
    <div className="stack">
      {files.map((file, index) => (
        // The order of files in a diff never changes.
        // biome-ignore lint/suspicious/noArrayIndexKey: a diff may name a file twice
        <DiffFileView key={index} file={file} />
      ))}
    </div>
  );
}

function DiffFileView({ file }: { file: DiffFile }) {
  const added = file.lines.filter(({ kind }) => kind === "added").length;
  const removed = file.lines.filter(({ kind }) => kind === "removed").length;
  return (
    <details className="diff-file" open={file.lines.length <= LONG}>
      <summary>
        <span className="mono wrap">{file.name || "without a name"}</span>
        <span className="diff-count mono">
          <span className="plus">
            +{added}
            <span className="sr-only"> lines added</span>
          </span>{" "}
          <span className="minus">
            −{removed}
            <span className="sr-only"> lines removed</span>
          </span>
          {file.lines.length > LONG && (
            <span className="muted"> {count(file.lines.length, "line")}</span>
          )}
        </span>
      </summary>
      <section className="diff-lines" tabIndex={0} aria-label={`Changes of ${file.name}`}>
        <table>
          <tbody>
            {file.lines.map((line, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity
              <tr key={index} className={line.kind}>
                <td className="number">{line.old}</td>
                <td className="number">{line.new}</td>
                <td className="sign">{SIGNS[line.kind]}</td>
                <td className="text">{line.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
