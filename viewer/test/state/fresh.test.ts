// What the server lists, kept fresh.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Answer } from "../../src/net/api";
import { bindFresh, fresh } from "../../src/state/fresh";

const BROKEN: Answer<never> = { ok: false, status: 500, reason: "" };

function ok<T>(value: T): Answer<T> {
  return { ok: true, value };
}

test("an answer to an earlier question is dropped", async () => {
  const waiting: ((answer: Answer<string>) => void)[] = [];
  const listed = fresh(() => new Promise<Answer<string>>((resolve) => waiting.push(resolve)));
  const first = listed.ask();
  const second = listed.ask();
  waiting[1]!(ok("new"));
  waiting[0]!(ok("old"));
  await Promise.all([first, second]);

  expect(listed.value.value).toBe("new");
});

test("what is known stays when a newer answer fails, and the failure is told until one comes", async () => {
  const answers: Answer<string>[] = [ok("known"), BROKEN, ok("newer")];
  const listed = fresh(() => Promise.resolve(answers.shift()!));
  await listed.ask();
  await listed.ask();
  expect([listed.value.value, listed.failure.value]).toEqual(["known", BROKEN]);

  await listed.ask();
  expect([listed.value.value, listed.failure.value]).toEqual(["newer", null]);
});

test("what was forgotten does not come back with a late answer", async () => {
  let give: (answer: Answer<string>) => void = () => undefined;
  const listed = fresh(() => new Promise<Answer<string>>((resolve) => (give = resolve)));
  const asking = listed.ask();
  listed.forget();
  give(ok("late"));
  await asking;

  expect(listed.value.value).toBeNull();
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it is looked at again after each answer, only while the page is in sight, and no more once left", async () => {
  const page = { hidden: false };
  vi.stubGlobal("document", page);
  const ask = vi.fn(() => Promise.resolve());
  const end = bindFresh({ ask }, 2000);
  expect(ask).toHaveBeenCalledTimes(1);

  await vi.advanceTimersByTimeAsync(2000);
  expect(ask).toHaveBeenCalledTimes(2);
  page.hidden = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ask).toHaveBeenCalledTimes(2);
  page.hidden = false;
  await vi.advanceTimersByTimeAsync(2000);
  expect(ask).toHaveBeenCalledTimes(3);
  end();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ask).toHaveBeenCalledTimes(3);
});

test("a slow server is not asked twice at once", async () => {
  vi.stubGlobal("document", { hidden: false });
  const ask = vi.fn(() => new Promise<void>(() => undefined));
  bindFresh({ ask }, 2000);
  await vi.advanceTimersByTimeAsync(20_000);

  expect(ask).toHaveBeenCalledTimes(1);
});
