import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { me } from "@/api/queries";
import { Icon } from "@/components/icons";
import { StartRunDialog } from "@/features/runs/start-run";
import { useNow } from "@/lib/clock";
import { coarse } from "@/lib/format";
import { useConnection } from "@/live/live";
import { useAttention } from "./attention";
import { CommandPalette, openPalette } from "./palette";
import { TABS, usePlaces } from "./places";
import { Shortcuts } from "./shortcuts";

export function Shell() {
  const counts = useAttention();
  const places = usePlaces();
  return (
    <>
      <a className="skip" href="#main">
        To the content
      </a>
      <CommandPalette />
      <Shortcuts />
      <StartRunDialog />
      <div className="shell">
        <section className="side" aria-label="Menu">
          <Brand />
          <button type="button" className="find" onClick={openPalette}>
            <span>Find or do…</span>
            <kbd>Ctrl K</kbd>
          </button>
          <nav className="nav" aria-label="Main">
            {places.map((place) => (
              <Link key={place.to} to={place.to} activeOptions={{ exact: place.to === "/" }}>
                <Icon name={place.icon} />
                {place.label}
                {place.to === "/approvals" && counts.waiting > 0 && (
                  <span className="count" data-tone="waiting">
                    {counts.waiting}
                    <span className="sr-only"> waiting</span>
                  </span>
                )}
                {place.to === "/runs" && counts.running > 0 && (
                  <span className="count" data-tone="active">
                    {counts.running}
                    <span className="sr-only"> under way</span>
                  </span>
                )}
              </Link>
            ))}
          </nav>
          <div className="side-foot">
            <ConnectionDot />
            <Who />
          </div>
        </section>
        <section className="topbar" aria-label="Hub">
          <Brand />
          <ConnectionDot />
        </section>
        <main className="main" id="main" tabIndex={-1}>
          <Offline />
          <Outlet />
        </main>
        <nav className="tabs" aria-label="Main, phone">
          {TABS.map((tab) => (
            <Link key={tab.to} to={tab.to} activeOptions={{ exact: tab.to === "/" }}>
              <Icon name={tab.icon} size={20} />
              {tab.label}
              {tab.to === "/approvals" && counts.waiting > 0 && (
                <span className="count">
                  {counts.waiting}
                  <span className="sr-only"> waiting</span>
                </span>
              )}
            </Link>
          ))}
        </nav>
      </div>
    </>
  );
}

function Brand() {
  return (
    <Link to="/" className="brand">
      <img src="/static/icon.svg" alt="" width={20} height={20} />
      CommandCenter
    </Link>
  );
}

function ConnectionDot() {
  const { phase } = useConnection();
  const words = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" }[phase];
  return (
    <output className="live-dot" data-tone={phase === "live" ? "good" : "waiting"}>
      {words}
    </output>
  );
}

/** Says so while what is shown may no longer be true. */
function Offline() {
  const { phase, since } = useConnection();
  const now = useNow();
  if (phase !== "reconnecting") return null;
  const seconds = Math.max(0, (now.getTime() - since.getTime()) / 1000);
  return (
    <div className="offline" role="status">
      <strong>Reconnecting to the hub…</strong> What is shown is as it was {coarse(seconds)} ago.
    </div>
  );
}

function Who() {
  const { data } = useQuery(me);
  if (data === undefined) return null;
  return (
    <div className="small muted">
      <div className="clip">
        {data.name}, {data.role}
      </div>
      <form method="post" action="/logout">
        <button type="submit" className="link">
          Sign out
        </button>
      </form>
    </div>
  );
}
