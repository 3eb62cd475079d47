// Where in the administrator's place one is, and how that is written in the page's address.
export type Part = "peers" | "routing" | "corrections" | "attributes" | "removals" | "hanging";
export const PARTS: readonly Part[] = ["peers", "routing", "corrections", "attributes", "removals", "hanging"];

export interface Place {
  readonly part: Part;
  /** The AE title of the peer that is looked at; "": the list. */
  readonly peer: string;
}

export function placeOf(address: URL): Place {
  const asked = address.searchParams.get("part");
  const part = PARTS.find((each) => each === asked) ?? "peers";
  return { part, peer: part === "peers" ? (address.searchParams.get("peer") ?? "") : "" };
}

export function adminAddress(part: Part, peer = ""): string {
  const parameters = new URLSearchParams({ ...(part !== "peers" && { part }), ...(peer && { peer }) }).toString();
  return parameters ? `/admin?${parameters}` : "/admin";
}
