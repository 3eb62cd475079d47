// The build: the shell and the engine as hashed chunks, the boot script inlined, everything compressed beforehand.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, type Plugin, type Rolldown } from "vite";
import { defineConfig } from "vitest/config";

const OUT = "../pacs/web/static";
const COMPRESSED = /\.(html|js|css|svg|json|wasm)$/;

/** The text of src/boot.ts as one classic script, minified. */
async function bootScript(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, lib: { entry: "src/boot.ts", formats: ["iife"], name: "boot" }, minify: true },
  });
  const [{ output }] = built as Rolldown.RolldownOutput[];
  return output[0].code.trim();
}

/** Puts the boot script where index.html says `<!--boot-->`: it runs before any other script has arrived. */
function inlineBoot(): Plugin {
  return {
    name: "inline-boot",
    async transformIndexHtml(html) {
      const script = await bootScript();
      return html.replace("<!--boot-->", () => `<script>${script}</script>`);
    },
  };
}

/** Writes csp.json: the sources an inline script of index.html needs in `script-src`. */
function listInlineScripts(): Plugin {
  return {
    name: "list-inline-scripts",
    apply: "build",
    closeBundle() {
      const html = readFileSync(join(OUT, "index.html"), "utf8");
      const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text);
      const hashes = scripts.map((text) => `sha256-${createHash("sha256").update(text).digest("base64")}`);
      writeFileSync(join(OUT, "csp.json"), JSON.stringify({ "script-src": hashes }));
    },
  };
}

function* filesUnder(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/** Leaves `x.br` and `x.gz` beside every `x` that shrinks, so that the server compresses nothing while it serves. */
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    closeBundle() {
      for (const path of [...filesUnder(OUT)].filter((name) => COMPRESSED.test(name))) {
        const raw = readFileSync(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length };
        writeFileSync(`${path}.br`, brotliCompressSync(raw, { params }));
        writeFileSync(`${path}.gz`, gzipSync(raw, { level: 9 }));
      }
    },
  };
}

/** Under Node, a codec finds its WebAssembly by path and not by address. */
function wasmByPath(): Plugin {
  return {
    name: "wasm-by-path",
    enforce: "pre",
    load(id) {
      return id.endsWith(".wasm?url") ? `export default ${JSON.stringify(id.replace("?url", ""))}` : null;
    },
  };
}

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: process.env.VITEST ? [wasmByPath()] : [inlineBoot(), listInlineScripts(), precompress()],
  worker: { format: "es" },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8042", "/dicom-web": "http://127.0.0.1:8042" } },
  test: { include: ["test/**/*.test.ts", "test/**/*.test.tsx"], environment: "node" },
});
