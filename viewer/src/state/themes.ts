// Light for a ward, dark for a reading room.

/** "system": what the computer says, but for the page of the pictures, which stays dark. */
export type ThemeChoice = "dark" | "light" | "system";
export const THEMES: readonly ThemeChoice[] = ["dark", "light", "system"];
export type Theme = "dark" | "light";

export function themeOf(choice: unknown, isReading: boolean, systemIsLight: boolean): Theme {
  if (choice === "system") return systemIsLight && !isReading ? "light" : "dark";
  return choice === "light" ? "light" : "dark";
}

/** The colours of the browser's own parts follow: scroll bars, fields, and the page before it has any style. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  document.querySelector("meta[name=color-scheme]")?.setAttribute("content", theme);
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", theme === "light" ? "#f3f4f6" : "#0d0e10");
}
