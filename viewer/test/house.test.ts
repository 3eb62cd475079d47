// Imports go down: app, then what is seen, then what draws and binds, then what fetches and decodes, then pure geometry.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** A higher floor may import from lower ones; rooms side by side do not know each other. */
const FLOOR: Readonly<Record<string, number>> = {
  geom: 0,
  decode: 1,
  net: 1,
  i18n: 1,
  state: 2,
  render: 3,
  input: 3,
  measure: 3,
  tools: 4,
  overlay: 4,
  hang: 4,
  doc: 4,
  ui: 5,
  parts: 6,
  app: 7,
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));

/** The first folder under src, or "app" for what stands there itself. */
function roomOf(path: string): string {
  const room = path.split("/")[0]!;
  return path.includes("/") || room in FLOOR ? room : "app";
}

function importsOf(file: string): string[] {
  const text = readFileSync(SRC + file, "utf8");
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, path]) => path!);
  return found.map((path) => new URL(path, `file:///${file}`).pathname.slice(1));
}

test.each(files)("%s imports only from lower floors", (file) => {
  const own = roomOf(file);
  const higher = importsOf(file)
    .map(roomOf)
    .filter((room) => room !== own && !(FLOOR[room]! < FLOOR[own]!));

  expect(FLOOR[own], `${own} has no floor`).toBeDefined();
  expect(higher).toEqual([]);
});

test.each(files.filter((file) => /^(geom|decode|net|render|input)\//.test(file)))("%s knows no component", (file) => {
  expect(readFileSync(SRC + file, "utf8")).not.toMatch(/from "preact|@preact\/signals"/);
});
