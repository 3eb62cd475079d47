// The administrator's place: addresses, forms, and what may be done with what is on its way.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DeliveryState } from "../../src/net/admin";
import { adminAddress, placeOf } from "../../src/state/adminplace";
import { furtherOf } from "../../src/state/attributes";
import { corrections, decisionsFor, showCorrections } from "../../src/state/corrections";
import { associations, isTrouble, lookAt, peerOf } from "../../src/state/peers";
import { deliveries, endsOf, isOffered, isQueued, offset, PAGE, routeOf, ruleOf, showFrom, showState } from "../../src/state/routing";
import { json, serve } from "../fakeserver";

function form(values: Readonly<Record<string, string | readonly string[]>>): FormData {
  const filled = new FormData();
  for (const [name, value] of Object.entries(values)) for (const each of [value].flat()) filled.append(name, each);
  return filled;
}

afterEach(() => vi.unstubAllGlobals());

test.each([
  ["/admin", { part: "peers", peer: "" }],
  ["/admin?peer=CT+1%26A", { part: "peers", peer: "CT 1&A" }],
  ["/admin?part=routing", { part: "routing", peer: "" }],
  ["/admin?part=removals", { part: "removals", peer: "" }],
] as const)("the place of %s comes back from its address", (address, place) => {
  expect(placeOf(new URL(address, "http://pacs"))).toEqual(place);
  expect(adminAddress(place.part, place.peer)).toBe(address);
});

test("a place that is none is the peers", () => {
  expect(placeOf(new URL("http://pacs/admin?part=secrets&peer=CT1"))).toEqual({ part: "peers", peer: "CT1" });
});

test("a filled-in form is a peer", () => {
  const filled = form({
    ae_title: " CT1 ",
    host: "10.0.0.21",
    port: "104",
    may: ["commit", "store"],
    tls: "yes",
    certificate: "AB:CD:01 ",
    max_associations: "2",
    max_per_minute: "",
    charset: "ISO_IR 100",
  });

  expect(peerOf(filled)).toEqual({
    ae_title: "CT1",
    host: "10.0.0.21",
    port: 104,
    may: ["store", "commit"],
    charset: "ISO_IR 100",
    tls: true,
    certificate: "abcd01",
    max_associations: 2,
    max_per_minute: null,
    relational: false,
    notified: false,
    identified: false,
  });
});

test("a rule holds only what narrows it", () => {
  expect(ruleOf(form({ sources: "", modalities: " ", description: "", from: "18:00", to: "" }))).toEqual({});
  expect(
    ruleOf(
      form({
        sources: "CT1, CT2",
        modalities: "ct;mr",
        body_parts: "chest",
        description: "*đột quỵ*",
        station_names: "ROOM 1",
        from: "18:00",
        to: "07:00",
        weekdays: ["1", "7"],
      }),
    ),
  ).toEqual({
    sources: ["CT1", "CT2"],
    modalities: ["CT", "MR"],
    body_parts: ["CHEST"],
    description: "*đột quỵ*",
    station_names: ["ROOM 1"],
    hours: "18:00-07:00",
    weekdays: [1, 7],
  });
});

test("a route goes to a peer, or to an address with its token", () => {
  const said = { name: "Night", priority: "5", enabled: "yes" };

  expect(routeOf(form({ ...said, peer: "ARCHIVE" }))).toEqual({ name: "Night", rule: {}, destination: "ARCHIVE", priority: 5, enabled: true });
  expect(routeOf(form({ ...said, peer: "", address: "https://tele/dicom-web", token: "secret" }))).toMatchObject({
    destination: "https://tele/dicom-web",
    token: "secret",
  });
  expect(routeOf(form({ ...said, peer: "", address: "https://tele/dicom-web", token: "" }))).not.toHaveProperty("token");
});

test.each([
  ["18:00-07:00", ["18:00", "07:00"]],
  ["", ["", ""]],
  [undefined, ["", ""]],
])("the ends of %j", (hours, ends) => {
  expect(endsOf(hours)).toEqual(ends);
});

test.each<[DeliveryState, readonly string[], boolean]>([
  ["waiting", ["pause", "cancel", "again"], true],
  ["sending", ["pause", "cancel"], true],
  ["paused", ["resume", "cancel"], true],
  ["failed", ["cancel", "again"], false],
  ["delivered", ["again"], false],
  ["cancelled", ["again"], false],
])("what is %s can %j", (state, actions, queued) => {
  const offered = (["pause", "resume", "cancel", "again"] as const).filter((action) => isOffered(action, { state }));
  expect(offered).toEqual(actions);
  expect(isQueued({ state })).toBe(queued);
});

test.each([
  ["released", false],
  ["aborted", true],
  ["rejected", true],
  ["lost", true],
  ["unreachable", true],
  ["", false],
  [null, false],
] as const)("an association that ended %j is trouble: %s", (outcome, trouble) => {
  expect(isTrouble(outcome)).toBe(trouble);
});

test("only what was decided can be revoked", () => {
  expect(decisionsFor({ state: "suggested" })).toEqual(["apply", "dismiss"]);
  expect(decisionsFor({ state: "applied" })).toEqual(["revoke"]);
});

test("other corrections do not stay on screen under a new heading", async () => {
  const waiting: ((response: Response) => void)[] = [];
  serve({ "GET /api/corrections": () => new Promise((resolve) => waiting.push(resolve)) });
  const first = corrections.ask();
  waiting[0]!(json([{ pk: 1 }]));
  await first;

  showCorrections("applied");

  expect(corrections.value.value).toBeNull();
});

test("what is known of one peer is not shown of another", async () => {
  serve({ "GET /api/peers/CT1/associations": () => json([{ pk: 1 }]) });
  lookAt("CT1");
  await associations.ask();
  expect(associations.value.value).toHaveLength(1);

  lookAt("MR1");

  expect(associations.value.value).toBeNull();
});

beforeEach(() => {
  serve({ "GET /api/deliveries": () => json({ total: 0, rows: [] }) });
  showState("");
});

test("a page that has emptied gives way to the last one", async () => {
  const rows = [{ pk: 1 }];
  const asked = serve({ "GET /api/deliveries": ({ path }) => json({ total: PAGE + 1, rows: path.endsWith(`offset=${PAGE}`) ? rows : [] }) });
  offset.value = 4 * PAGE;

  await deliveries.ask();

  expect(asked).toHaveLength(2);
  expect(offset.value).toBe(PAGE);
  expect(deliveries.value.value?.rows).toEqual(rows);
});

test("another state begins at its first page", () => {
  showFrom(PAGE);
  showState("failed");
  expect(offset.value).toBe(0);
});

test.each([
  ["BodyPartThickness", "BodyPartThickness"],
  [" 001811a0 ", "001811a0"],
  ["(0018,11A0)", "001811A0"],
  ["0018, 11A0", "001811A0"],
])("the attribute %j is told as %j", (written, told) => {
  const filled = form({ attribute: written, level: "series", creator: "", vr: "" });
  expect(furtherOf(filled)).toEqual({ attribute: told, level: "series", creator: "", vr: "" });
});
