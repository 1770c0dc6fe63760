// Bundles the page into the Python package: `npm run build`, or with a folder to write into.
import { readFile } from "node:fs/promises";
import { main as compile } from "assemblyscript/asc";
import { build } from "esbuild";

const folder = process.argv[2] ?? new URL("../src/grokscope/page/assets", import.meta.url).pathname;
const source = new URL("src/", import.meta.url).pathname;
const shared = {
  bundle: true,
  minify: true,
  target: ["chrome100", "firefox113", "safari16.4"],
  charset: "utf8",
  legalComments: "none",
};

const kernel = `${folder}/playground.wasm`;
const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory", "--outFile", kernel];
const { error, stderr } = await compile([new URL("kernel/sweep.ts", import.meta.url).pathname, "--baseDir", "/", ...options]);
if (error) throw new Error(`${stderr}`);

await build({ ...shared, entryPoints: [`${source}main.js`], outfile: `${folder}/explorable.js`, format: "iife" });
await build({ ...shared, entryPoints: [`${source}construct/main.js`], outfile: `${folder}/construct.js`, format: "iife" });
await build({ ...shared, entryPoints: [`${source}many/main.js`], outfile: `${folder}/many.js`, format: "esm" });
await build({ ...shared, entryPoints: [`${source}playground/main.js`], outfile: `${folder}/playground.js`, format: "iife" });
await build({ ...shared, entryPoints: [`${source}playground/worker.js`], outfile: `${folder}/playground_worker.js`, format: "iife", alias: { "playground.wasm": kernel }, loader: { ".wasm": "binary" } });
await build({ ...shared, entryPoints: [`${source}playground/playground.css`], outfile: `${folder}/playground.css` });
await build({ ...shared, entryPoints: [`${source}many/many.css`], outfile: `${folder}/many.css` });

// A page can stand in a document of others' making, whose look is its own.
const style = await readFile(`${source}page.css`, "utf8");
await build({ ...shared, stdin: { contents: `.grokscope {\n${style}\n}`, loader: "css" }, outfile: `${folder}/explorable.css` });
await build({
  ...shared,
  entryPoints: [`${source}widget.js`],
  outfile: `${folder}/widget.js`,
  format: "esm",
  define: { WIDGET_STYLE: JSON.stringify(await readFile(`${folder}/explorable.css`, "utf8")) },
});
