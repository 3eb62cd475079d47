import { expect, test } from "vitest";
import { keyName } from "../src/input/keymap";

const NONE = { ctrlKey: false, altKey: false, shiftKey: false, metaKey: false };

test.each([
  [{ ...NONE, key: "a" }, "a"],
  [{ ...NONE, key: "N", shiftKey: true }, "shift+n"],
  [{ ...NONE, key: "?", shiftKey: true }, "?"],
  [{ ...NONE, key: "+", shiftKey: true }, "+"],
  [{ ...NONE, key: " " }, "space"],
  [{ ...NONE, key: "ArrowUp", shiftKey: true }, "shift+arrowup"],
  [{ ...NONE, key: "z", ctrlKey: true }, "ctrl+z"],
  [{ ...NONE, key: "z", metaKey: true }, "ctrl+z"],
])("%o is called %s", (event, name) => {
  expect(keyName(event)).toBe(name);
});
