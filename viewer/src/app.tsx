// The pages, by address.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { bindRoute, route } from "./state/route";
import { askWho, bindSession } from "./state/session";
import { SignIn } from "./ui/signin";
import { StudyList } from "./ui/studylist";
import { Reading } from "./ui/reading";
import "@preact/signals";
import "./ui/base.css";

export function App(): JSX.Element {
  useEffect(bindRoute, []);
  useEffect(bindSession, []);

  const { pathname } = route.value;
  useEffect(() => {
    if (pathname !== "/signin") void askWho();
  }, [pathname]);

  if (pathname === "/signin") return <SignIn />;
  if (pathname === "/viewer") return <Reading key={route.value.search} />;
  return <StudyList />;
}
