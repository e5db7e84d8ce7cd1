import { useIsFetching } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { setPageTitle } from "@/lib/title";

/** A page: its title in the tab, its head with actions, its content. */
export function Page({
  title,
  heading,
  crumbs,
  actions,
  children,
}: {
  title: string;
  heading?: ReactNode;
  crumbs?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => setPageTitle(title), [title]);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          {crumbs !== undefined && <div className="crumbs">{crumbs}</div>}
          <h1>{heading ?? title}</h1>
        </div>
        {actions !== undefined && <div className="line">{actions}</div>}
      </div>
      <Loading />
      {children}
    </div>
  );
}

/**
 * Shown where something takes longer than it should; what is quick does not flicker. Queries whose
 * `meta` says `isAside` come while the page is being used, and must not move it.
 */
function Loading() {
  const missing = useIsFetching({
    predicate: ({ state, meta }) => state.data === undefined && meta?.isAside !== true,
  });
  return missing > 0 ? <output className="loading muted">Loading…</output> : null;
}

export function Panel({
  title,
  aside,
  children,
  className = "",
}: {
  title: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={`panel ${className}`}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
