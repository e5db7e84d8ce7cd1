import { useEffect } from "react";
import { setNotice, setPageTitle } from "@/lib/title";

export function SignedOut() {
  useEffect(() => {
    setPageTitle("Sign in");
    // What the tab told of the hub was for who was here before.
    setNotice({ waiting: 0, failures: 0, offline: false });
  }, []);
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
