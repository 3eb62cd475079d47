// What was removed, and what of it can be brought back.
import { fetchRemovals, type Removal } from "../net/admin";
import { fresh } from "./fresh";

export const removals = fresh(fetchRemovals);

export function isRestorable({ state }: Pick<Removal, "state">): boolean {
  return state === "removed";
}
