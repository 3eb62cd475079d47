// A server of our REST API for tests: it answers fetch by a table of "METHOD /path", and keeps what it was asked.
import { vi } from "vitest";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

type Reply = (asked: Asked) => Response | Promise<Response>;

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status });
}

export const DONE = (): Response => new Response(null, { status: 204 });

/** Answers from now on; what is in no line of the table is not found. Gives what was asked so far. */
export function serve(table: Readonly<Record<string, Reply>>): readonly Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (path: string, { method = "GET", body, signal }: RequestInit = {}): Promise<Response> => {
    const one = { method, path, body: typeof body === "string" ? JSON.parse(body) : undefined };
    asked.push(one);
    const reply = table[`${method} ${path.split("?")[0]}`];
    const response = await (reply?.(one) ?? json({ title: "Not Found" }, 404));
    signal?.throwIfAborted();
    return response;
  });
  return asked;
}
