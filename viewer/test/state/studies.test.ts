// The study list, when one of its studies has gone.
import { afterEach, expect, test, vi } from "vitest";
import { bindSearch, found, listTop, lookAgain, need, selected } from "../../src/state/studies";
import { json, serve } from "../fakeserver";

// The address is read as soon as the modules are here.
vi.hoisted(() => vi.stubGlobal("location", { href: "http://pacs/elsewhere", pathname: "/elsewhere" }));
afterEach(() => vi.unstubAllGlobals());

test("a list in which a study has gone is asked for anew where it is looked at, and stays there; an empty one too", async () => {
  let uids = Array.from({ length: 250 }, (_, index) => `1.${index}`);
  const asked = serve({
    "GET /api/studies": ({ path }) => {
      const { searchParams } = new URL(path, "http://pacs");
      const from = Number(searchParams.get("offset"));
      const studies = uids.slice(from, from + Number(searchParams.get("limit"))).map((uid) => ({ study_instance_uid: uid }));
      return json({ studies, total: uids.length });
    },
  });
  const unbind = bindSearch();
  await vi.waitFor(() => expect(found.value?.total).toBe(250));
  need(120, 140);
  await vi.waitFor(() => expect(found.value?.rows.size).toBe(200));
  listTop.value = 4800;
  selected.value = 130;

  uids = uids.filter((uid) => uid !== "1.130");
  const before = found.value;
  lookAgain();
  expect(found.value).not.toBe(before);
  need(120, 140);

  await vi.waitFor(() => expect(found.value?.total).toBe(249));
  expect(found.value?.rows.get(130)?.study_instance_uid).toBe("1.131");
  expect([listTop.value, selected.value, asked.length]).toEqual([4800, 130, 3]);

  uids = [];
  lookAgain();
  need(120, 140);
  await vi.waitFor(() => expect(found.value?.total).toBe(0));
  uids = ["1.7"];
  lookAgain();
  await vi.waitFor(() => expect(found.value?.rows.get(0)?.study_instance_uid).toBe("1.7"));
  unbind();
});
