import { type ComponentType, type LazyExoticComponent, lazy } from "react";

/** A part of a page that is loaded when it is first shown; asked for again once if that fails. */
export function lazyPart<Props>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): LazyExoticComponent<ComponentType<Props>> {
  return lazy(() => load().catch(load));
}
