// A source with the word list in it, as the build makes it: Node.js imports no texts.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

export const bundled = async (name) => {
  const entry = fileURLToPath(new URL(`../src/${name}`, import.meta.url));
  const { outputFiles: [file] } = await build({
    entryPoints: [entry], bundle: true, format: "esm", write: false, loader: { ".txt": "text" },
  });
  return import(`data:text/javascript;base64,${Buffer.from(file.contents).toString("base64")}`);
};
