import { type Tone, toneOf } from "@/lib/status";
import { Glyph } from "./icons";

/** A state as glyph, colour and word. */
export function State({ state, tone, word }: { state: string; tone?: Tone; word?: string }) {
  const shown = tone ?? toneOf(state);
  return (
    <span className="state" data-tone={shown}>
      <Glyph tone={shown} />
      {word ?? state.replaceAll("_", " ")}
    </span>
  );
}
