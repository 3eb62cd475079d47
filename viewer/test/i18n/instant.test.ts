// Our own times as a person reads them, and texts that come with a part of the page.
import { beforeEach, expect, test } from "vitest";
import { language, speak, speakAlso, t, type Language, type Texts } from "../../src/i18n";
import { agoText, instantText, weekdayText } from "../../src/i18n/instant";

const NOW = Date.UTC(2026, 2, 14, 12, 0, 0);
const ADMIN: Texts = {
  vi: () => import("../../src/i18n/admin.vi.json"),
  en: () => import("../../src/i18n/admin.en.json"),
  fr: () => import("../../src/i18n/admin.fr.json"),
};

beforeEach(() => speak("en"));

test.each<[Language, string, string, RegExp]>([
  ["en", "2026-03-14 18:05:09", "3 minutes ago", /^Mon$/],
  ["fr", "14/03/2026 18:05:09", "il y a 3 minutes", /^lun\.$/],
  ["vi", "14/03/2026 18:05:09", "3 phút trước", / 2$/],
])("times in %s", async (wanted, instant, ago, monday) => {
  await speak(wanted);

  expect(instantText(new Date(2026, 2, 14, 18, 5, 9).toISOString())).toBe(instant);
  expect(agoText(new Date(NOW - 200_000).toISOString(), NOW)).toBe(ago);
  expect(weekdayText(1)).toMatch(monday);
});

test.each([
  [-500, "now"],
  [90_000, "in 1 minute"],
  [-3 * 3_600_000, "3 hours ago"],
  [-26 * 3_600_000, "yesterday"],
])("%d ms from now is %j", (ms, text) => {
  expect(agoText(new Date(NOW + ms).toISOString(), NOW)).toBe(text);
});

test.each([null, ""])("what never was (%j) has no time", (none) => {
  expect([instantText(none), agoText(none, NOW)]).toEqual(["", ""]);
});

test("a part of the page speaks the language in use, and the next one", async () => {
  await speakAlso(ADMIN);
  expect([language.value, t("rules.title"), t("close")]).toEqual(["en", "Rules", "Close"]);

  await speak("fr");
  expect([t("rules.title"), t("close")]).toEqual(["Règles", "Fermer"]);
});
