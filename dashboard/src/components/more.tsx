import { Button } from "@mantine/core";
import type { ReactNode } from "react";

type Pages = {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
};

/** What asks for the next page of a list that comes in pages; nothing after the last one. */
export function More({ of, children }: { of: Pages; children: ReactNode }) {
  if (!of.hasNextPage) return null;
  return (
    <Button
      variant="default"
      loading={of.isFetchingNextPage}
      onClick={() => void of.fetchNextPage()}
    >
      {children}
    </Button>
  );
}
