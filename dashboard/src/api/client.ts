import createClient from "openapi-fetch";
import type { Problem, paths } from "./generated/schema";

/** What the hub said against a request, in its own words. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly hint: string | null = null,
    readonly fields: Record<string, unknown> = {},
  ) {
    super(detail);
  }

  /** What the hub says against single fields, by their path in the body: `limits.redis.cpus`. */
  get byField(): Map<string, string> {
    const errors = Array.isArray(this.fields.errors) ? this.fields.errors : [];
    return new Map(
      (errors as { path: string; message: string }[]).map(({ path, message }) => [
        path.replace(/^body\./, ""),
        message,
      ]),
    );
  }
}

/** What the hub says against single fields of a form. */
export const fieldErrors = (error: Error | null): Map<string, string> =>
  error instanceof ProblemError ? error.byField : new Map();

/** The hub could not be reached. `isRead`: nothing was to be done but to read. */
export class UnreachableError extends ProblemError {
  readonly at = new Date();

  constructor(readonly isRead: boolean) {
    super(
      0,
      "hub_unreachable",
      "The hub does not answer",
      isRead
        ? "It may be restarting. What is shown here is from before."
        : "It may be restarting. Whether this was done is not known.",
      isRead
        ? "This page goes on by itself as soon as the hub is back."
        : "Look at what is shown once the hub is back, and do it again if need be.",
    );
  }
}

let onSignedOut: () => void = () => undefined;

/** Have `listener` called when the hub no longer knows this browser's session. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

export const http = createClient<paths>({ credentials: "same-origin" });
http.use({ onError: ({ request }) => new UnreachableError(request.method === "GET") });

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Return the data of an answer; throw a `ProblemError` for everything else. */
export async function take<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (error) {
    throw error instanceof ProblemError ? error : new UnreachableError(true);
  }
  if (got.response.ok) return got.data as T;
  if (got.response.status === 401) onSignedOut();
  throw problemOf(got.error, got.response);
}

function problemOf(body: unknown, response: Response): ProblemError {
  if (typeof body === "object" && body !== null && "detail" in body) {
    const problem = body as Problem;
    return new ProblemError(
      response.status,
      problem.code,
      problem.title,
      problem.detail,
      problem.hint ?? null,
      problem.fields ?? {},
    );
  }
  return new ProblemError(
    response.status,
    "unknown",
    "The hub answered in a way this page does not know",
    `Status ${response.status}.`,
    "Load the page again: the hub may have been updated.",
  );
}
