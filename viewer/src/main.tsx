// The start of the page.
import { render } from "preact";
import { App } from "./app";
import { speakPreferred } from "./i18n";

// Of the page that most begin with: what fails here is told where it is needed.
if (location.pathname === "/") import("./ui/studylist").catch(() => undefined);
await speakPreferred();
render(<App />, document.getElementById("app")!);
