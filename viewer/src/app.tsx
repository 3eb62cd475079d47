// The pages, by address.
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { bindRoute, route } from "./state/route";
import { askWho, bindSession } from "./state/session";
import { Later } from "./ui/later";
import { SignIn } from "./ui/signin";
import { StudyList } from "./ui/studylist";
import { Reading } from "./ui/reading";
import "@preact/signals";
import "./ui/base.css";

const loadAdmin = async (): Promise<ComponentType> => (await import("./ui/admin/administration")).start();

export function App(): JSX.Element {
  useEffect(bindRoute, []);
  useEffect(bindSession, []);

  const { pathname } = route.value;
  useEffect(() => {
    if (pathname !== "/signin") void askWho();
  }, [pathname]);

  if (pathname === "/signin") return <SignIn />;
  if (pathname === "/viewer") return <Reading key={route.value.search} />;
  if (pathname === "/admin") return <Later load={loadAdmin} />;
  return <StudyList />;
}
