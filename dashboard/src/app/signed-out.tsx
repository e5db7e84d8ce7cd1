import { useEffect } from "react";
import { setPageTitle } from "@/lib/title";

export function SignedOut() {
  useEffect(() => setPageTitle("Sign in"), []);
  return (
    <main className="alone">
      <h1>You are not signed in</h1>
      <p>On the machine that runs the hub:</p>
      <pre className="json">commandcenter login-link</pre>
      <p className="muted">
        It prints a link that signs this browser in, once, within 15 minutes. Elsewhere, ask an
        admin for a link. Then load this page again.
      </p>
    </main>
  );
}
