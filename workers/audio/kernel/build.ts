/**
 * `npm run build:gate` compiles the gate's kernel, `gate.as.ts` and what it imports, to `gate.wasm`; with `--check` it only says whether the
 * committed file is what the source makes. No network, no clock: the same source gives the same bytes.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const sourceName = "gate.as.ts";
const sourceNames = [sourceName, "memory.as.ts", "fourier.as.ts", "bins.as.ts"];
const wasmUrl = new URL("gate.wasm", import.meta.url);

/**
 * Compiles the kernel.
 *
 * @returns the module's bytes
 * @throws Error with the compiler's words
 */
export async function compileGate(): Promise<Uint8Array> {
  const sources = new Map<string, string>();
  for (const name of sourceNames) sources.set(name, await readFile(new URL(name, import.meta.url), "utf8"));
  let wasm: Uint8Array | null = null;
  const { error, stderr } = await asc.main(
    [
      sourceName,
      "--outFile",
      "gate.wasm",
      "--runtime",
      "stub",
      "--use",
      "abort=",
      "--enable",
      "simd",
      "-O3",
      "--noAssert",
    ],
    {
      readFile: (name) => sources.get(name) ?? null,
      writeFile: (name, contents) => {
        if (name.endsWith(".wasm") && typeof contents !== "string") wasm = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === null)
    throw new Error(`${error?.message ?? "no module"}\n${stderr.toString()}`);
  return wasm;
}

/** Whether the committed module is what the source makes. */
export async function isGateFresh(): Promise<boolean> {
  const [committed, compiled] = await Promise.all([readFile(wasmUrl), compileGate()]);
  return committed.equals(compiled);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    if (!(await isGateFresh())) {
      console.error("gate.wasm is not what gate.as.ts makes: run npm run build:gate");
      process.exitCode = 1;
    }
  } else {
    const wasm = await compileGate();
    await writeFile(wasmUrl, wasm);
    console.log(`gate.wasm: ${wasm.byteLength} bytes`);
  }
}
