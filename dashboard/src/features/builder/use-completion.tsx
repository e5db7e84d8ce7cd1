import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Completion } from "./model/complete";

type Field = HTMLTextAreaElement | HTMLInputElement;
export type Complete = (text: string, caret: number, isAsked: boolean) => Completion | null;

/**
 * A list of what could be written at the caret of a text field. It opens while there is something
 * to offer, and with Ctrl and space; the arrows choose, Enter or Tab takes, Escape closes.
 */
export function useCompletion({
  field,
  value,
  onChange,
  complete,
  placeOf,
}: {
  field: RefObject<Field | null>;
  value: string;
  onChange: (value: string) => void;
  complete: Complete;
  /** Where the list stands in its frame; below the field unless said. */
  placeOf?: (caret: number) => CSSProperties;
}): {
  attributes: Record<string, unknown>;
  look: (isAsked?: boolean) => void;
  onKeyDown: (event: KeyboardEvent) => void;
  list: ReactNode;
} {
  const id = useId();
  const [asked, setAsked] = useState<{ caret: number; isAsked: boolean } | null>(null);
  const [active, setActive] = useState(0);
  const caretAfter = useRef<number | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the caret is put where the new text is
  useLayoutEffect(() => {
    if (caretAfter.current === null) return;
    field.current?.setSelectionRange(caretAfter.current, caretAfter.current);
    caretAfter.current = null;
  }, [value]);

  // Found anew each time, as what is known may arrive while the list is open.
  const offer = asked === null ? null : complete(value, asked.caret, asked.isAsked);
  const look = (isAsked = false) => {
    const at = field.current;
    const caret = at?.selectionStart ?? 0;
    setAsked(at?.selectionEnd === caret ? { caret, isAsked } : null);
    setActive(0);
  };
  const accept = (index: number) => {
    const chosen = offer?.options[index];
    if (offer === null || chosen === undefined) return;
    const written = chosen.label + offer.closing;
    caretAfter.current = offer.from + written.length;
    setAsked(null);
    onChange(value.slice(0, offer.from) + written + value.slice(offer.to));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey && event.code === "Space") {
      event.preventDefault();
      look(true);
      return;
    }
    if (offer === null) return;
    const last = offer.options.length - 1;
    switch (event.key) {
      case "ArrowDown":
        setActive(active === last ? 0 : active + 1);
        break;
      case "ArrowUp":
        setActive(active === 0 ? last : active - 1);
        break;
      case "Enter":
      case "Tab":
        accept(active);
        break;
      case "Escape":
        setAsked(null);
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const attributes = {
    "aria-autocomplete": "list",
    "aria-controls": offer === null ? undefined : id,
    "aria-activedescendant": offer === null ? undefined : `${id}-${active}`,
    autoComplete: "off",
    onBlur: () => setAsked(null),
  };
  const list = offer !== null && (
    <div
      className="offers"
      role="listbox"
      id={id}
      aria-label="What could stand here"
      style={placeOf?.(offer.from)}
    >
      {offer.options.map((option, index) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active one
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
        <div
          key={option.label}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === active}
          ref={(row) => {
            if (index === active) row?.scrollIntoView({ block: "nearest" });
          }}
          // The field must not lose the focus before the click arrives.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => accept(index)}
        >
          <span className="mono">{option.label}</span>
          <span className="muted small">{option.detail}</span>
        </div>
      ))}
    </div>
  );
  return { attributes, look, onKeyDown, list };
}
