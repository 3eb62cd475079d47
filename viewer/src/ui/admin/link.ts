// A link within our pages.
import { go } from "../../state/route";

/** Opens the address of a link in this page; with a modifier the browser opens it its own way: a new tab, a new window. */
export function follow(event: MouseEvent): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go((event.currentTarget as HTMLAnchorElement).href);
}
