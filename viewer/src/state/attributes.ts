// What is searchable besides what always is, and what a form says of one more.
import { fetchFurther, LEVELS, type FurtherFields } from "../net/admin";
import { said } from "./form";
import { fresh } from "./fresh";

export const attributes = fresh(fetchFurther);

/** What can be searched: text and numbers (PS3.5 Table 6.2-1). */
export const VRS: readonly string[] = "AE AS CS DA DS DT FD FL IS LO LT PN SH SL SS ST SV TM UC UI UL UR US UT UV".split(" ");

export function furtherOf(form: FormData): FurtherFields {
  const level = LEVELS.find((each) => each === said(form, "level")) ?? "study";
  return { attribute: hexOf(said(form, "attribute")), level, creator: said(form, "creator"), vr: said(form, "vr") };
}

/** A tag as the standard writes it, (0018,5101), is eight digits to the server; a keyword stays as it is. */
function hexOf(attribute: string): string {
  const [, group, element] = /^\(?([0-9a-f]{4})\s*,\s*([0-9a-f]{4})\)?$/i.exec(attribute) ?? [];
  return group && element ? group + element : attribute;
}
