// The start of the page.
import { render } from "preact";
import { App } from "./app";
import { speakPreferred } from "./i18n";

// The script of the page that is opened, while the texts come: what fails here is told where it is needed.
const pages: Readonly<Record<string, () => Promise<unknown>>> = { "/": () => import("./ui/studylist"), "/signin": () => import("./ui/signin") };
pages[location.pathname]?.().catch(() => undefined);
await speakPreferred();
render(<App />, document.getElementById("app")!);
