import { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { ProblemError, UnreachableError, whenSignedOut } from "@/api/client";
import { type Connection, EventSocket, type HubEvent } from "./socket";
import { Refresher } from "./sync";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when something has changed; the clock and the focus of windows say nothing.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      // A browser drops requests under way whenever an interface of the machine comes or goes,
      // as those of projects' networks do.
      retry: (count, error) =>
        error instanceof ProblemError &&
        (error instanceof UnreachableError || error.status >= 500) &&
        count < 3,
      retryDelay: (count) => 200 * 2 ** count,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

const refresher = new Refresher(queryClient);
const watchers = new Set<(event: HubEvent) => void>();

const socket = new EventSocket({
  onEvent: (event) => {
    refresher.take(event);
    for (const watch of watchers) watch(event);
  },
  // Also where events were resumed: a request may have failed while the hub was away.
  onOpen: refresher.everything,
  onSignedOut: () => void queryClient.invalidateQueries({ queryKey: ["me"] }),
});

let isSignedOut = false;
const signedOutListeners = new Set<() => void>();

/** Begin to listen; once, when it is known that somebody is signed in. */
export function startLive(): void {
  whenSignedOut(() => {
    isSignedOut = true;
    for (const listener of signedOutListeners) listener();
  });
  socket.start();
}

export function useConnection(): Connection {
  return useSyncExternalStore(socket.subscribe, socket.state);
}

export function useSignedOut(): boolean {
  return useSyncExternalStore(
    (listener) => {
      signedOutListeners.add(listener);
      return () => signedOutListeners.delete(listener);
    },
    () => isSignedOut,
  );
}

/** Call `watch` for each event from now on; returns how to stop. */
export function onHubEvent(watch: (event: HubEvent) => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}
