// The start of the page.
import { render } from "preact";
import { App } from "./app";
import { speakPreferred } from "./i18n";

await speakPreferred();
render(<App />, document.getElementById("app")!);
