// Bundles the page into the Python package: `npm run build`, or with a folder to write into.
import { build } from "esbuild";

const folder = process.argv[2] ?? new URL("../src/grokscope/report/assets", import.meta.url).pathname;
for (const [from, to] of [["src/main.js", "explorable.js"], ["src/page.css", "explorable.css"]]) {
  await build({
    entryPoints: [new URL(from, import.meta.url).pathname],
    outfile: `${folder}/${to}`,
    bundle: true,
    minify: true,
    format: to.endsWith(".js") ? "iife" : undefined,
    target: ["chrome100", "firefox113", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
  });
}
