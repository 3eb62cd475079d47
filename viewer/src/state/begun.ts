// How far the page has come in opening.
import { signal } from "@preact/signals-core";

/** A picture is on screen: what is not needed for it may be fetched now. */
export const pictureSeen = signal(false);
