/** Far more than any workflow has, and little enough to be shown in a field. */
const MOST_BYTES = 1024 * 1024;

type Imported = { text: string; problem?: undefined } | { text?: undefined; problem: string };

/** The text in a file, or why there is none that could be a workflow. */
export function importedText(name: string, bytes: Uint8Array): Imported {
  if (bytes.length > MOST_BYTES) {
    return { problem: `${name} has more than 1 MB: this is no workflow. Choose another file.` };
  }
  const problem = `${name} is not a text file. Choose one that holds YAML or JSON.`;
  // YAML knows no control characters but these; what is no text is full of others.
  if (bytes.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13)) {
    return { problem };
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { problem };
  }
}
