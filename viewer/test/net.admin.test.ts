// How administrators' requests are written, and how their answers are read.
import { afterEach, expect, test, vi } from "vitest";
import { actOnDelivery, addRoute, admitKnock, echoPeer, fetchDeliveries, keepPeer, removePeer, removeStudy, type PeerFields } from "../src/net/admin";
import { onSignedOut } from "../src/net/api";
import { DONE, json, serve } from "./fakeserver";

const PEER: PeerFields = {
  ae_title: "CT 1/A",
  host: "10.0.0.21",
  port: 104,
  may: ["store"],
  charset: "",
  tls: false,
  certificate: "",
  max_associations: null,
  max_per_minute: null,
  relational: false,
  notified: false,
  identified: false,
};

afterEach(() => vi.unstubAllGlobals());

test("an AE title may hold a space and a slash", async () => {
  const asked = serve({ "PUT /api/peers/CT%201%2FA": DONE, "DELETE /api/peers/CT%201%2FA": DONE });

  expect(await keepPeer(PEER)).toEqual({ ok: true, value: null });
  expect(await removePeer(PEER.ae_title)).toEqual({ ok: true, value: null });
  expect(asked.map(({ method }) => method)).toEqual(["PUT", "DELETE"]);
});

test("the server's own words come with a refusal", async () => {
  serve({ "POST /api/routes": () => json({ title: "Bad Request", status: 400, detail: "there is a route of that name" }, 400) });

  const answer = await addRoute({ name: "Night", rule: {}, destination: "ARCHIVE", priority: 0, enabled: true });

  expect(answer).toEqual({ ok: false, status: 400, reason: "there is a route of that name" });
});

test("an answer that is no JSON is told by its status", async () => {
  serve({ "POST /api/peers/CT1/echo": () => new Response("<html>", { status: 502, statusText: "Bad Gateway" }) });

  expect(await echoPeer("CT1")).toEqual({ ok: false, status: 502, reason: "Bad Gateway" });
});

test("a server that is not reached is status 0", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));

  expect(await admitKnock(7, { may: ["store"], port: 104 })).toMatchObject({ ok: false, status: 0 });
});

test("who is signed out meanwhile is told so", async () => {
  serve({ "POST /api/deliveries/3/pause": () => json({ title: "Unauthorized" }, 401) });
  const told = vi.fn();
  const end = onSignedOut(told);

  await actOnDelivery(3, "pause");
  end();

  expect(told).toHaveBeenCalledOnce();
});

test.each([
  ["", "/api/deliveries?limit=25&offset=50"],
  ["failed", "/api/deliveries?state=failed&limit=25&offset=50"],
] as const)("the queue of state %j is asked for by its page", async (state, path) => {
  const asked = serve({ "GET /api/deliveries": () => json({ total: 0, rows: [] }) });

  await fetchDeliveries({ state, limit: 25, offset: 50 });

  expect(asked[0]!.path).toBe(path);
});

test("a reason may hold what has a meaning in an address", async () => {
  const asked = serve({ "DELETE /api/studies/1.2": () => json({ pk: 7 }, 201) });

  expect(await removeStudy("1.2", "nhầm & sai #2?")).toEqual({ ok: true, value: { pk: 7 } });
  expect(new URL(asked[0]!.path, "http://pacs").searchParams.get("reason")).toBe("nhầm & sai #2?");
});
