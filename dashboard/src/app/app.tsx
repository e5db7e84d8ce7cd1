import { Button, MantineProvider } from "@mantine/core";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect } from "react";
import { ProblemError } from "@/api/client";
import { me } from "@/api/queries";
import { Problem } from "@/components/problem";
import { queryClient, startLive, useSignedOut } from "@/live/live";
import { router } from "./router";
import { SignedOut } from "./signed-out";
import { theme } from "./theme";

// The page of this address is on its way while it is asked who is there.
void router.load();
void queryClient.prefetchQuery(me);

export function App() {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queryClient}>
        <Gate />
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Nothing is shown, and nothing listens, before it is known who is there. */
function Gate() {
  const whoAmI = useQuery(me);
  const isSignedOut = useSignedOut();
  const isKnown = whoAmI.data !== undefined;
  useEffect(() => {
    if (isKnown) startLive();
  }, [isKnown]);
  const error = whoAmI.error;
  if (isSignedOut || (error instanceof ProblemError && error.status === 401)) return <SignedOut />;
  if (whoAmI.data !== undefined) return <RouterProvider router={router} />;
  if (error === null) return <p className="boot">CommandCenter</p>; // as in index.html
  return (
    <main className="alone">
      <Problem error={error} />
      <Button onClick={() => void whoAmI.refetch()}>Try again</Button>
    </main>
  );
}
