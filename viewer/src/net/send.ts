// Requests that change something.
import { reasonOf, tellSignedOut, type Answer } from "./api";

/** Sends a request that changes something; the value of an empty answer is null. */
export async function send<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
  try {
    const response = await fetch(path, { method, ...(body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }) });
    if (response.ok) return { ok: true, value: JSON.parse((await response.text()) || "null") as T };
    if (response.status === 401) tellSignedOut();
    return { ok: false, status: response.status, reason: await reasonOf(response) };
  } catch (error) {
    return { ok: false, status: 0, reason: String(error) };
  }
}
