const UNITS: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };
const SIZE = /^([\d.,]+)\s*([kmgt]?)(?:i?b)?$/i;

/** A size as people write it, in bytes: 512m, 1.5 GB, 2GiB; null where it is none. */
export function parseSize(text: string): number | null {
  const found = SIZE.exec(text.trim());
  if (found === null) return null;
  const value = Number((found[1] ?? "").replace(",", "."));
  const unit = UNITS[(found[2] ?? "").toLowerCase()];
  return Number.isNaN(value) || unit === undefined ? null : Math.round(value * unit);
}

/** The shortest text that `parseSize` reads as exactly this many bytes. */
export function sizeText(value: number): string {
  for (const unit of ["g", "m", "k"] as const) {
    const size = value / (UNITS[unit] ?? 1);
    if (size >= 1 && Number.isInteger(size * 4)) return `${size}${unit}`;
  }
  return String(value);
}
