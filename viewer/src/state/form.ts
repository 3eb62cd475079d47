// What a filled-in form says.

export function said(form: FormData, name: string): string {
  return String(form.get(name) ?? "").trim();
}

/** What was written with commas between. */
export function saidList(form: FormData, name: string): readonly string[] {
  return said(form, name).split(/[,;\\]/).map((each) => each.trim()).filter(Boolean);
}
