// A page whose script is fetched when it is first opened.
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { FailureNotice } from "./notice";

export function Later({ load }: { readonly load: () => Promise<ComponentType> }): JSX.Element | null {
  // In an object: a state that is a function would be called.
  const [loaded, setLoaded] = useState<{ readonly Page: ComponentType } | null>(null);
  const [failed, setFailed] = useState(false);

  const fetchIt = (): void => {
    setFailed(false);
    load().then(
      (Page) => setLoaded({ Page }),
      () => setFailed(true),
    );
  };
  useEffect(fetchIt, []);

  if (failed) return <FailureNotice failed={{ ok: false, status: 0, reason: "" }} retry={fetchIt} />;
  return loaded && <loaded.Page />;
}
