// Where the page is: its address, changed without loading it anew.
import { signal } from "@preact/signals-core";

export const route = signal(new URL(location.href));

/** The study list as it was left: with what was looked for. */
export const listAddress = signal("/");

/** Opens another page of ours. */
export function go(address: string): void {
  history.pushState(null, "", address);
  arrive();
}

/** Corrects the address of this page; Back does not come here. */
export function replaceAddress(address: string): void {
  history.replaceState(null, "", address);
  arrive();
}

function arrive(): void {
  route.value = new URL(location.href);
}

/** Follows the browser's Back and Forward. Returns what ends that. */
export function bindRoute(): () => void {
  addEventListener("popstate", arrive);
  return () => removeEventListener("popstate", arrive);
}

export function viewerAddress(studyUids: readonly string[]): string {
  return `/viewer?StudyInstanceUIDs=${studyUids.map(encodeURIComponent).join(",")}`;
}

/** The studies an address asks for, by comma or by repeated parameters, each once. */
export function askedStudies(address: URL): readonly string[] {
  const values = address.searchParams.getAll("StudyInstanceUIDs").flatMap((value) => value.split(","));
  return [...new Set(values.map((value) => value.trim()).filter(Boolean))];
}

/** Where in its studies an address begins. */
export interface AskedPlace {
  readonly seriesUid: string;
  /** "": where the series begins. */
  readonly sopInstanceUid: string;
  /** Within the instance, from 1. */
  readonly frameNumber: number;
}

export function askedPlace({ searchParams }: URL): AskedPlace | null {
  const seriesUid = searchParams.get("SeriesInstanceUID");
  if (!seriesUid) return null;
  return { seriesUid, sopInstanceUid: searchParams.get("SOPInstanceUID") ?? "", frameNumber: Number(searchParams.get("frame") ?? 1) || 1 };
}

/** Whether the server must be asked what an address means: it names its studies by something else, or the place in them by half. */
export function isLaunch(address: URL): boolean {
  const { searchParams } = address;
  const isInvoked = address.pathname === "/IHEInvokeImageDisplay" || (address.pathname === "/viewer" && searchParams.has("requestType"));
  if (isInvoked) return true;
  const isHalf = searchParams.has("SOPInstanceUID") && !searchParams.has("SeriesInstanceUID");
  const isNamed = ["PatientID", "AccessionNumber", "SeriesInstanceUID"].some((name) => searchParams.has(name));
  return address.pathname === "/viewer" && (isHalf || (isNamed && askedStudies(address).length === 0));
}

export function placeAddress(studyUids: readonly string[], { seriesUid, sopInstanceUid, frameNumber }: AskedPlace): string {
  const said = { SeriesInstanceUID: seriesUid, SOPInstanceUID: sopInstanceUid, frame: frameNumber > 1 ? String(frameNumber) : "" };
  const rest = Object.entries(said).filter(([, value]) => value !== "");
  return viewerAddress(studyUids) + rest.map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
}
