import { afterEach, expect, test, vi } from "vitest";
import type { DecodedFrame } from "../src/geom/pixels";
import { createLoaders, type LoadersOptions, type SharedLoader } from "../src/net/loaders";
import { documentOf, type FrameServer, frameServer, inPasses } from "./frameserver";

const shares: SharedLoader[] = [];

afterEach(() => {
  for (const share of shares.splice(0)) share.release();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const decode = async (bytes: Uint8Array): Promise<DecodedFrame> => ({ rows: 1, columns: 10, samples: 1, values: new Uint8Array(bytes) });

/** Gives shares in loaders under these limits, and keeps what each was told. */
function page(limits: Partial<LoadersOptions> = {}) {
  const loaders = createLoaders({ encoded: 1e6, decoded: 1e6, keptMs: 0, ...limits });
  return (document: ReturnType<typeof documentOf>) => {
    const told = { decoded: [] as number[], failed: [] as number[], ended: [] as number[] };
    const share = loaders.acquire(document, decode, {
      onDecoded: (index) => told.decoded.push(index),
      onFailed: (index) => told.failed.push(index),
      onEnded: (status) => told.ended.push(status),
    });
    shares.push(share);
    return { share, told };
  };
}

const seriesOf = (uid: string, frames: number): ReturnType<typeof documentOf> => inPasses(frames, { series_instance_uid: uid });

async function answerAll(server: FrameServer, number: number): Promise<void> {
  await vi.waitFor(() => expect(server.orders.length).toBeGreaterThan(number));
  server.answer(number);
  server.end(number);
}

test("two who show a series fetch each frame once, and both are told", async () => {
  const server = frameServer();
  const acquire = page();
  const one = acquire(documentOf(5));
  const other = acquire(documentOf(5));
  one.share.want(0);
  other.share.want(3);
  await answerAll(server, 0);
  await answerAll(server, 1);
  await vi.waitFor(() => expect(one.told.decoded).toEqual(expect.arrayContaining([0, 3])));
  expect(other.told.decoded).toEqual(one.told.decoded);

  other.share.fill();
  await answerAll(server, 2);

  await vi.waitFor(() => expect(one.share.loaded.value).toBe(5));
  expect(server.orders.flat().sort()).toEqual([0, 1, 2, 3, 4]);
});

test("a series stays for who still shows it, and for a while after that", async () => {
  const server = frameServer();
  const acquire = page({ keptMs: 40 });
  const one = acquire(documentOf(1));
  one.share.want(0);
  await answerAll(server, 0);
  await vi.waitFor(() => expect(one.share.encoded(0)).toBeDefined());

  one.share.release();
  const again = acquire(documentOf(1));
  expect(again.share.encoded(0)).toBeDefined();
  again.share.release();
  await vi.waitFor(() => expect(again.share.encoded(0)).toBeUndefined());
});

test("a changed series is another one", () => {
  frameServer();
  const acquire = page();
  const old = acquire(documentOf(1)).share;
  old.want(0);
  const young = acquire(documentOf(1, { revision: 4 })).share;

  expect(young.loaded).not.toBe(old.loaded);
});

test("low resolutions of all that is shown come before the rest, those looked at first", async () => {
  const server = frameServer();
  const acquire = page();
  const [one, other] = [acquire(seriesOf("one", 9)).share, acquire(seriesOf("other", 9)).share];
  for (const [number, share] of [one, other].entries()) {
    share.want(0);
    await answerAll(server, number);
    share.fill();
  }
  one.attend();
  for (const number of [2, 3, 4, 5]) await answerAll(server, number);

  await vi.waitFor(() => expect([one.full.value, other.full.value]).toEqual([true, true]));
  expect(server.series.slice(2)).toEqual(["one", "other", "one", "other"]);
  expect(server.levels.slice(2)).toEqual(["0-1", "0-1", "1-3", "1-3"]);
});

test("a picture that is awaited takes the line from another series' rest, which goes on after it", async () => {
  const server = frameServer();
  const acquire = page();
  const one = acquire(documentOf(100, { series_instance_uid: "one" })).share;
  one.want(0);
  await answerAll(server, 0);
  one.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1, 3);
  await vi.waitFor(() => expect(one.loaded.value).toBe(4));

  const other = acquire(documentOf(1, { series_instance_uid: "other" })).share;
  other.want(0);
  await vi.waitFor(() => expect(server.aborted(1)).toBe(true));
  expect([server.series[2], server.orders[2]]).toEqual(["other", [0]]);
  await answerAll(server, 2);

  await vi.waitFor(() => expect(server.orders[3]?.slice(0, 2)).toEqual([4, 5]));
  expect(server.series[3]).toBe("one");
});

test("the series looked at has what it needs, and the others what is left", async () => {
  const server = frameServer();
  const acquire = page({ encoded: 150 });
  const first = acquire(documentOf(10, { series_instance_uid: "first" })).share;
  first.want(0);
  await answerAll(server, 0);
  first.fill();
  await answerAll(server, 1);
  await vi.waitFor(() => expect(first.loaded.value).toBe(10));

  const second = acquire(documentOf(10, { series_instance_uid: "second" })).share;
  second.want(0);
  await answerAll(server, 2);
  second.fill();
  await answerAll(server, 3);

  await vi.waitFor(() => expect(second.loaded.value).toBe(10));
  expect(first.loaded.value).toBe(5);
  expect([0, 4, 5].map((index) => first.encoded(index) !== undefined)).toEqual([true, true, false]);
  // What is left is not fetched again as long as it has no room.
  await vi.waitFor(() => expect([first.full.value, second.full.value]).toEqual([true, true]));
  expect(server.orders.length).toBe(4);
});

test("what nobody shows goes first when there is too much", async () => {
  const server = frameServer();
  const acquire = page({ encoded: 150, keptMs: 1e6 });
  const idle = acquire(documentOf(10, { series_instance_uid: "idle" })).share;
  idle.want(0);
  idle.fill();
  await answerAll(server, 0);
  await answerAll(server, 1);
  await vi.waitFor(() => expect(idle.loaded.value).toBe(10));

  idle.release();

  await vi.waitFor(() => expect(idle.encoded(0)).toBeUndefined());
});

test("a whole frame is handed to who asks before the others, and a broken one refused", async () => {
  const server = frameServer();
  const acquire = page();
  const { share } = acquire(documentOf(600));
  share.want(0);
  await answerAll(server, 0);
  const asked = share.whole(400);
  await vi.waitFor(() => expect(server.orders[1]?.[0]).toBe(400));
  server.answer(1, 1);
  expect((await asked).values.length).toBe(10);

  const lost = share.whole(599);
  share.release();
  await expect(lost).rejects.toThrow("closed");
});

test("all who share a series are told when it ends, and who comes then asks anew", async () => {
  vi.stubGlobal("fetch", async () => new Response("", { status: 404, statusText: "Not Found" }));
  const acquire = page();
  const [one, other] = [acquire(documentOf(2)), acquire(documentOf(2))];
  one.share.want(0);
  await vi.waitFor(() => expect([one.told.ended, other.told.ended]).toEqual([[404], [404]]));

  const server = frameServer();
  const late = acquire(documentOf(2));
  late.share.want(1);

  await answerAll(server, 0);
  await vi.waitFor(() => expect(late.told.decoded).toEqual([1]));
});
