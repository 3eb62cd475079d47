// Names, dates, ages and numbers as a person reads them (filmless.md 5.1, 5.4).
import { beforeAll, describe, expect, test } from "vitest";
import { measureText, numberText, preferred, speak, t, type Language } from "../../src/i18n";
import { ageText, dateText, mmText, nameText, sexText, timeText, windowText } from "../../src/i18n/format";

test.each([
  ["NGUYỄN^THỊ ÁNH ĐÀO", "NGUYỄN THỊ ÁNH ĐÀO"],
  ["NGUYEN THI ANH DAO", "NGUYEN THI ANH DAO"],
  ["LEFÈVRE^Jean^Éric", "LEFÈVRE Jean Éric"],
  ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada Tarou (山田 太郎)"],
  ["=山田^太郎", "山田 太郎"],
  ["ĐÀO", "ĐÀO"],
  ["^^^^", ""],
  ["", ""],
])("the name %j is shown as %j", (value, shown) => {
  expect(nameText(value)).toBe(shown);
});

const DATES: readonly (readonly [Language, string, string])[] = [
  ["vi", "19850314", "14/03/1985"],
  ["fr", "19850314", "14/03/1985"],
  ["en", "19850314", "1985-03-14"],
  ["vi", "1985", "1985"],
  ["vi", "19850000", "1985"],
  ["en", "00000000", "00000000"],
  ["fr", "198503", "03/1985"],
  ["en", "19850300", "1985-03"],
  ["vi", "1985.03.14", "14/03/1985"],
  ["vi", "", ""],
  ["vi", "unknown", "unknown"],
];

test.each(DATES)("in %s the date %j is %j", async (language, value, shown) => {
  await speak(language);
  expect(dateText(value)).toBe(shown);
});

test.each([
  ["235959.123", "23:59"],
  ["0815", "08:15"],
  ["07", ""],
  ["", ""],
])("the time %j is %j", (value, shown) => {
  expect(timeText(value)).toBe(shown);
});

describe("an age", () => {
  beforeAll(() => speak("vi"));

  test.each([
    ["19850314", "20261124", "41 tuổi"],
    ["19851125", "20261124", "40 tuổi"],
    ["20201124", "20261124", "6 tuổi"],
    ["20201125", "20261124", "71 tháng"],
    ["20261101", "20261124", "23 ngày"],
    ["20261124", "20261124", "0 ngày"],
    ["1985", "20261124", "41 tuổi"],
    ["202411", "20261124", "24 tháng"],
    ["20270101", "20261124", ""],
    ["", "20261124", ""],
    ["19850314", "", ""],
  ])("born %j and seen %j is %j", (born, seen, shown) => {
    expect(ageText(born, seen)).toBe(shown);
  });
});

test("numbers follow the language, and a measured one is never grouped", async () => {
  await speak("vi");
  expect([numberText(20000), measureText(1500, 0), mmText(-12.345), mmText(3), windowText(-600), windowText(0.5)]).toEqual([
    "20.000",
    "1500",
    "-12,3",
    "3",
    "-600",
    "0,50",
  ]);
  await speak("en");
  expect([numberText(20000), mmText(-12.345)]).toEqual(["20,000", "-12.3"]);
});

test("plurals follow the grammar", async () => {
  await speak("fr");
  expect([0, 1, 2].map((n) => t("read.images", { n }))).toEqual(["0 image", "1 image", "2 images"]);
  await speak("en");
  expect([0, 1, 2].map((n) => t("read.images", { n }))).toEqual(["0 images", "1 image", "2 images"]);
});

test("the sex is told in words, and what is no defined term stays as it is", async () => {
  await speak("vi");
  expect(["M", "F", "O", "", "X"].map(sexText)).toEqual(["Nam", "Nữ", "Khác", "", "X"]);
});

test.each([
  [null, ["vi-VN", "en"], "vi"],
  [null, ["de-DE", "fr-CA", "en"], "fr"],
  [null, ["de"], "en"],
  [null, [], "en"],
  ["fr", ["vi"], "fr"],
  ["de", ["vi"], "vi"],
] as const)("kept %j, browser %j: %j is spoken", (kept, browser, language) => {
  expect(preferred(kept, browser)).toBe(language);
});
