import { afterEach, expect, test, vi } from "vitest";
import type { DecodedFrame } from "../src/geom/pixels";
import { fetchMe, onSignedOut } from "../src/net/api";
import { createLru, createNearStore } from "../src/net/cache";
import { createFrameLoader, type LoaderOptions, nearestFirst } from "../src/net/queue";
import { frameAttributes, type SeriesDocument } from "../src/net/series";
import { framesIn } from "../src/net/stream";
import { documentOf, frameServer, inPasses, written } from "./frameserver";

const loaders: ReturnType<typeof createFrameLoader>[] = [];

afterEach(() => {
  // One that goes on would ask the server of the next test.
  for (const loader of loaders.splice(0)) loader.dispose();
  vi.unstubAllGlobals();
});

function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
  });
}

async function collected(body: ReadableStream<Uint8Array>): Promise<number[][]> {
  const found: number[][] = [];
  for await (const { index, bytes } of framesIn(body)) found.push([index, bytes.length, bytes[0] ?? -1, bytes.at(-1) ?? -1]);
  return found;
}

test.each([1, 3, 8, 1000])("a stream in pieces of %i bytes gives its frames", async (size) => {
  const bytes = written([[7, 20], [300, 0], [2, 1]]);

  expect(await collected(inPieces(bytes, size))).toEqual([[7, 20, 7, 7], [300, 0, -1, -1], [2, 1, 2, 2]]);
});

test.each([4, 15])("a stream that ends after %i bytes is an error", async (length) => {
  await expect(collected(inPieces(written([[7, 20]]).slice(0, length), 5))).rejects.toThrow("within a frame");
});

test("frames are asked for from the nearest to the farthest", () => {
  expect(nearestFirst(1, 5)).toEqual([1, 2, 0, 3, 4]);
  expect(nearestFirst(0, 1)).toEqual([0]);
});

test("the least recently used is forgotten first, and never the newest", () => {
  const lru = createLru<number>(() => 10, (value) => value);
  lru.set(1, 4);
  lru.set(2, 4);
  lru.get(1);
  lru.set(3, 4);
  expect([...lru.indices()]).toEqual([1, 3]);

  lru.set(4, 100);
  expect([...lru.indices()]).toEqual([4]);
});

test("what lies farthest from the frame looked at is forgotten first", () => {
  const store = createNearStore(() => 30);
  for (const index of [0, 5, 9, 6]) store.add(index, new Uint8Array(10), [6]);

  expect([0, 5, 9, 6].filter(store.has)).toEqual([5, 9, 6]);
  expect(store.capacity()).toBe(3);
});

test("an attribute is that of the frame, or the one all share", () => {
  const document = documentOf(2, { per_frame: { slice_location: [1, 2] }, shared: { rows: 4 } });

  expect(frameAttributes(document, 1)).toMatchObject({ rows: 4, slice_location: 2 });
});

test("a 401 is told to who asked to know", async () => {
  vi.stubGlobal("fetch", async () => new Response("{\"title\":\"sign in\"}", { status: 401 }));
  const told = vi.fn();
  const unbind = onSignedOut(told);

  expect(await fetchMe()).toEqual({ ok: false, status: 401, reason: "sign in" });
  expect(told).toHaveBeenCalledOnce();
  unbind();
});

test("a server that is not reached is an answer, not an exception", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("network")));

  expect(await fetchMe()).toMatchObject({ ok: false, status: 0 });
});

function loaderOf(document: SeriesDocument, more: Partial<LoaderOptions> = {}): { loader: ReturnType<typeof createFrameLoader>; decoded: number[]; failed: [number, string][]; ended: [number, string][] } {
  const ended: [number, string][] = [];
  const decoded: number[] = [];
  const failed: [number, string][] = [];
  const loader = createFrameLoader(document, {
    decode: async (bytes): Promise<DecodedFrame> => ({ rows: 1, columns: 10, samples: 1, values: new Uint8Array(bytes) }),
    onDecoded: (index) => decoded.push(index),
    onFailed: (index, reason) => failed.push([index, reason]),
    onEnded: (status, reason) => ended.push([status, reason]),
    encodedBudget: () => 1e6,
    decodedBudget: () => 1e6,
    ...more,
  });
  loaders.push(loader);
  return { loader, decoded, failed, ended };
}

test("the wanted frame is fetched alone, and the rest only when told", async () => {
  const server = frameServer();
  const { loader, decoded } = loaderOf(documentOf(5));

  loader.want(2);
  await vi.waitFor(() => expect(server.orders).toEqual([[2]]));
  server.answer(0);
  server.end(0);
  await vi.waitFor(() => expect(decoded).toEqual([2]));
  expect(server.orders.length).toBe(1);

  loader.fill();
  await vi.waitFor(() => expect(server.orders[1]).toEqual([3, 1, 4, 0]));
  server.answer(1);
  server.end(1);
  await vi.waitFor(() => expect(loader.full.value).toBe(true));
  expect(loader.loaded.value).toBe(5);
});

test("a jump aborts the stream and asks for the rest anew from there", async () => {
  const server = frameServer();
  const { loader, decoded } = loaderOf(documentOf(100));
  loader.want(0);
  loader.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(1));
  server.answer(0);
  server.end(0);
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1, 3);
  await vi.waitFor(() => expect(loader.loaded.value).toBe(4));

  loader.want(50);

  await vi.waitFor(() => expect(server.orders[2]?.slice(0, 3)).toEqual([50, 51, 49]));
  expect(server.aborted(1)).toBe(true);
  server.answer(2, 1);
  await vi.waitFor(() => expect(decoded).toContain(50));
});

test("a frame that is about to come is waited for", async () => {
  const server = frameServer();
  const { loader } = loaderOf(documentOf(100));
  loader.want(0);
  loader.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(1));
  server.answer(0);
  server.end(0);
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1, 3);
  await vi.waitFor(() => expect(loader.loaded.value).toBe(4));

  loader.want(5);
  server.answer(1, 4);

  await vi.waitFor(() => expect(loader.loaded.value).toBe(8));
  expect(server.orders.length).toBe(2);
});

test("a frame that cannot be decoded fails alone", async () => {
  const server = frameServer();
  const { loader, failed } = loaderOf(documentOf(2), { decode: async () => Promise.reject(new Error("damaged")) });
  loader.want(1);
  await vi.waitFor(() => expect(server.orders.length).toBe(1));
  server.answer(0);

  await vi.waitFor(() => expect(failed).toEqual([[1, "damaged"]]));
});

test("a series that is not there any more is told at once", async () => {
  vi.stubGlobal("fetch", async () => new Response("", { status: 404, statusText: "Not Found" }));
  const { loader, ended } = loaderOf(documentOf(2));

  loader.want(0);

  await vi.waitFor(() => expect(ended).toEqual([[404, "Not Found"]]));
});

test("a frame that the server cannot read fails alone, and the rest still comes", async () => {
  const server = frameServer();
  const answering = fetch;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => (/order=1(,|&)/.test(path) ? new Response("", { status: 500, statusText: "Damaged" }) : answering(path, init)));
  const { loader, failed } = loaderOf(documentOf(3));
  loader.want(1);
  loader.fill();

  await vi.waitFor(() => expect(failed).toEqual([[1, "Damaged"]]));
  await vi.waitFor(() => expect(server.orders).toEqual([[2, 0]]));
});

test("frames that are known already are not fetched again", async () => {
  const server = frameServer();
  const { loader, decoded } = loaderOf(documentOf(3), { known: new Map([[0, new Uint8Array(10)], [2, new Uint8Array(10)]]) });

  loader.want(0);
  loader.fill();

  await vi.waitFor(() => expect(server.orders).toEqual([[1]]));
  expect(decoded).toContain(0);
  expect(loader.loaded.value).toBe(2);
});

test("a connection that is cut is tried again", async () => {
  const server = frameServer();
  const { loader } = loaderOf(documentOf(2));
  loader.want(0);
  await vi.waitFor(() => expect(server.orders.length).toBe(1));
  server.end(0);

  await vi.waitFor(() => expect(server.orders).toEqual([[0], [0]]), { timeout: 3000 });
});

test("frames larger than the budget for decoded ones are not decoded beforehand", async () => {
  const server = frameServer();
  const { loader, decoded } = loaderOf(documentOf(9), { decodedBudget: () => 15 });
  loader.want(4);
  loader.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(1));
  server.answer(0);
  server.end(0);
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1);
  server.end(1);
  await vi.waitFor(() => expect(loader.full.value).toBe(true));

  expect(decoded).toEqual([4]);
});

/** Lets the server answer its newest request as a whole, once it is the one of this number. */
async function answerAll(server: ReturnType<typeof frameServer>, number: number): Promise<void> {
  await vi.waitFor(() => expect(server.orders.length).toBe(number + 1));
  server.answer(number);
  server.end(number);
}

test("a low resolution of all comes before the rest of any, and both make the frame", async () => {
  const server = frameServer();
  const sizes: [number, number, number][] = [];
  const { loader } = loaderOf(inPasses(4), {
    decode: async (bytes, _, __, reduce): Promise<DecodedFrame> => {
      sizes.push([bytes[0]!, bytes.length, reduce]);
      return { rows: 1, columns: 10, samples: 1, values: new Uint8Array(bytes) };
    },
  });
  loader.want(1);
  await answerAll(server, 0);
  await vi.waitFor(() => expect(loader.decoded(1)).toBeDefined());
  loader.fill();
  await answerAll(server, 1);
  await vi.waitFor(() => expect(loader.scrollable.value).toBe(true));
  expect(loader.low(2)).toMatchObject({ reduce: 2 });
  expect(loader.loaded.value).toBe(1);
  await answerAll(server, 2);

  await vi.waitFor(() => expect(loader.full.value).toBe(true));
  expect(server.orders).toEqual([[1], [2, 0, 3], [2, 0, 3]]);
  expect(server.levels).toEqual(["0-3", "0-1", "1-3"]);
  expect(loader.encoded(3)?.length).toBe(10);
  await vi.waitFor(() => expect(sizes).toContainEqual([3, 10, 0]));
  expect(sizes).toContainEqual([2, 1, 2]);
});

test("of a large frame a low resolution comes first, then the rest of it, then the others", async () => {
  const server = frameServer();
  const large = { ...inPasses(250).shared, resolution_ends: [1, 3, 1 << 20] };
  const { loader, decoded } = loaderOf(inPasses(250, { shared: large }));
  loader.want(0);
  await answerAll(server, 0);
  await vi.waitFor(() => expect(decoded).toEqual([0]));
  loader.fill();
  for (const number of [1, 2, 3, 4]) await answerAll(server, number);

  expect(server.levels.slice(0, 5)).toEqual(["0-1", "1-3", "0-1", "0-1", "0-1"]);
  expect(server.orders.map(({ length }) => length).slice(0, 4)).toEqual([1, 1, 100, 100]);
});

test("a wanted frame is completed between two batches of low resolutions", async () => {
  const server = frameServer();
  const { loader } = loaderOf(inPasses(250));
  loader.want(0);
  await answerAll(server, 0);
  loader.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1, 60);
  await vi.waitFor(() => expect(loader.low(5)).toBeDefined());

  loader.want(30);
  server.answer(1);
  server.end(1);
  await answerAll(server, 2);
  await vi.waitFor(() => expect(server.orders.length).toBe(4));

  expect([server.orders[2], server.levels[2], server.levels[3]]).toEqual([[30], "1-3", "0-1"]);
});

test("a jump to where not even a low resolution is asks for those there", async () => {
  const server = frameServer();
  const { loader } = loaderOf(inPasses(250));
  loader.want(0);
  await answerAll(server, 0);
  loader.fill();
  await vi.waitFor(() => expect(server.orders.length).toBe(2));
  server.answer(1, 3);
  await vi.waitFor(() => expect(loader.low(1)).toBeDefined());

  loader.want(200);

  await vi.waitFor(() => expect(server.orders[2]?.slice(0, 3)).toEqual([200, 201, 199]));
  expect([server.aborted(1), server.levels[2]]).toEqual([true, "0-1"]);
});

test("frames that have no resolutions come as they are stored, after the low ones", async () => {
  const server = frameServer();
  const per_frame = { resolution_ends: [[1, 3, 10], null, [1, 3, 10], null] };
  const { loader } = loaderOf(documentOf(4, { shared: { rows: 512, columns: 512, transfer_syntax_uid: "1.2" }, per_frame }));
  loader.want(1);
  loader.fill();
  for (const number of [0, 1, 2, 3]) await answerAll(server, number);

  await vi.waitFor(() => expect(loader.full.value).toBe(true));
  expect(server.orders).toEqual([[1], [2, 0], [2, 0], [3]]);
  expect(server.levels).toEqual(["", "0-1", "1-3", ""]);
});

test("what the budget does not hold is not asked for again and again", async () => {
  const server = frameServer();
  const { loader } = loaderOf(inPasses(60), { encodedBudget: () => 95 });
  loader.want(30);
  loader.fill();
  for (let number = 0; !loader.full.value; number++) {
    expect(number).toBeLessThan(12);
    await answerAll(server, number);
    await vi.waitFor(() => expect(loader.full.value || server.orders.length > number + 1).toBe(true));
  }

  expect(loader.loaded.value).toBe(9);
});
