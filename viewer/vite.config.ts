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

/** The codecs have a branch for Node that asks for its modules; a browser never takes it. */
function withoutNode(): Plugin {
  const nothing = "\0nothing-of-node";
  return {
    name: "without-node",
    enforce: "pre",
    resolveId: (id) => (id === "fs" || id === "path" ? nothing : null),
    load: (id) => (id === nothing ? "export default {}" : null),
  };
}

/** Chunks that one needs one of each kind of. */
const CODEC = /^(native|rle|jpeg|jpegll|jpegls|j2k|htj2k)-/;
const LANGUAGE = /^(en|fr|vi)-/;
const BUDGET_BYTES = 60 * 1024;

/** The scripts that index.html names. */
function pageScripts(): string[] {
  return [...readFileSync(join(OUT, "index.html"), "utf8").matchAll(/<script [^>]*src="\/([^"]+)"/g)].map(([, name]) => name!);
}

/** What an entry imports, and so on: all that must be here before it runs. */
function importedBy(entries: readonly string[], chunks: ReadonlyMap<string, Rolldown.OutputChunk>): Set<string> {
  const found = new Set(entries);
  for (const name of found) for (const imported of chunks.get(name)?.imports ?? []) found.add(imported);
  return found;
}

/**
 * Fails the build when the script that comes before the first picture outgrows its budget (as gzip, WebAssembly aside):
 * what the page imports, the worker of decoders, the largest codec and the largest language. Parts come after the picture.
 */
function holdBudget(): Plugin {
  const chunks = new Map<string, Rolldown.OutputChunk>();
  return {
    name: "hold-budget",
    apply: "build",
    writeBundle(_, bundle) {
      for (const each of Object.values(bundle)) if (each.type === "chunk") chunks.set(each.fileName, each);
    },
    closeBundle() {
      const sizeOf = (name: string): number => statSync(join(OUT, `${name}.gz`)).size;
      const scripts = readdirSync(join(OUT, "assets")).filter((name) => name.endsWith(".js"));
      const largest = (kind: RegExp): number => Math.max(0, ...scripts.filter((name) => kind.test(name)).map((name) => sizeOf(`assets/${name}`)));
      const worker = scripts.filter((name) => /^(worker|wasm|jpegmarkers)-/.test(name)).map((name) => `assets/${name}`);
      const always = new Set([...importedBy(pageScripts(), chunks), ...worker]);
      const total = [...always].reduce((sum, name) => sum + sizeOf(name), largest(CODEC) + largest(LANGUAGE));
      if (total > BUDGET_BYTES) throw new Error(`${total} bytes of script before the first picture: the budget is ${BUDGET_BYTES}`);
      console.info(`${total} bytes of script before the first picture, of ${BUDGET_BYTES}`);
    },
  };
}

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: process.env.VITEST ? [wasmByPath()] : [withoutNode(), inlineBoot(), listInlineScripts(), precompress(), holdBudget()],
  worker: { format: "es", plugins: () => [withoutNode()] },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    // What every page needs stays one file, though the administrator's place needs parts of it too.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "shell", tags: ["$initial"] }] } } },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8042", "/dicom-web": "http://127.0.0.1:8042" } },
  test: { include: ["test/**/*.test.ts", "test/**/*.test.tsx"], environment: "node" },
});
