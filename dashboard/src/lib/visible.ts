// Characters that change how a text looks without being seen: direction, joiners, controls.
const UNSEEN = /(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Return the text with every character that hides or reorders others told by its number. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const number = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `<U+${number.padStart(4, "0")}>`;
  });
}
