import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createEmbedder } from "../../../gateway/state/embedder.ts";
import { createSystemClock } from "../../../gateway/system-clock.ts";
import { connectEngine } from "../../../workers/speech/client.ts";
import { checkModelFiles } from "../../../workers/speech/model-files.ts";
import { engineNames } from "../../../workers/speech/supervise.ts";
import { modelsDir, startEngines } from "../../providers/engines.ts";

const clock = createSystemClock();
const soon = { timeout: 20_000, interval: 20 };
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A models directory whose recogniser has a file that was tampered with. */
function tamperedModels(): string {
  const directory = mkdtempSync(join(tmpdir(), "parley-models-"));
  directories.push(directory);
  symlinkSync(join(modelsDir, "all-minilm-l6-v2"), join(directory, "all-minilm-l6-v2"));
  cpSync(join(modelsDir, "whisper-tiny.en"), join(directory, "whisper-tiny.en"), { recursive: true });
  writeFileSync(join(directory, "whisper-tiny.en", "tokens.txt"), "tampered");
  return directory;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the speech processes", () => {
  it("load, serve sockets of mode 0600, restart what dies, and leave nothing behind", async () => {
    const restarts: string[] = [];
    const speech = await startEngines({ onRestart: (name) => restarts.push(name) });
    await vi.waitFor(() => {
      for (const name of engineNames) expect(speech.states()[name].state).toBe("ready");
    }, soon);
    for (const path of Object.values(speech.sockets)) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(speech.sockets.voices)).mode & 0o777).toBe(0o700);

    const first = speech.states().embeddings.pid!;
    process.kill(first, "SIGKILL");
    await vi.waitFor(
      () => expect(speech.states().embeddings).toMatchObject({ state: "ready", restarts: 1 }),
      soon,
    );
    expect(restarts).toEqual(["embeddings"]);

    const pids = engineNames.map((name) => speech.states()[name].pid!);
    await speech.close();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(dirname(speech.sockets.voices))).toBe(false);
  });

  it("replaces what stands still without dying, and a call made meanwhile is answered", async () => {
    const restarts: string[] = [];
    const speech = await startEngines({ onRestart: (name) => restarts.push(name), hangTimeoutMs: 2000 });
    await vi.waitFor(() => expect(speech.states().voices.state).toBe("ready"), soon);
    const client = connectEngine({ socketPath: speech.sockets.voices, clock });
    await client.ready();
    process.kill(speech.states().voices.pid!, "SIGSTOP");
    const args = { text: "Hello.", voice: "slt", speedRatio: 1, sampleRateHz: 16_000 };
    const result = await client.call(
      { op: "speak", args, tenant: "t", payload: new Uint8Array() },
      { signal: new AbortController().signal, deadlineMs: clock.nowMs() + 20_000, onEvent() {} },
    );
    expect(result).toMatchObject({ outcome: "completed" });
    expect(restarts).toContain("voices");
    await client.close();
    await speech.close();
  });

  it("refuses a model that differs from its checksum, without restarting over it", async () => {
    const folder = tamperedModels();
    const speech = await startEngines({ modelsDir: folder });
    await vi.waitFor(() => expect(speech.states().recogniser.state).toBe("refused"), soon);
    expect(speech.states().recogniser).toMatchObject({ code: "model_checksum_mismatch", restarts: 0 });
    expect(speech.states().recogniser.message).toContain("tokens.txt");
    const client = connectEngine({ socketPath: speech.sockets.recogniser, clock });
    await client.ready();
    const result = await client.call(
      { op: "transcribe", args: {}, tenant: "t", payload: new Uint8Array(3200) },
      { signal: new AbortController().signal, deadlineMs: clock.nowMs() + 20_000, onEvent() {} },
    );
    expect(result).toMatchObject({ outcome: "failed", code: "model_checksum_mismatch" });
    await client.close();
    await speech.close();
  });

  it("names a model that is missing", async () => {
    await expect(checkModelFiles("/nonexistent", ["a"])).rejects.toMatchObject({ code: "model_unavailable" });
    const listed = join(modelsDir, "whisper-tiny.en");
    await expect(checkModelFiles(listed, ["LICENSE"])).rejects.toMatchObject({
      code: "model_checksum_mismatch",
    });
  });

  it("exit by themselves, sockets and all, when their parent was killed", async () => {
    const script = `
      import { startSpeech } from ${JSON.stringify(new URL("../../../workers/speech/supervise.ts", import.meta.url).href)};
      const quiet = { info() {}, warn() {}, error() {} };
      const speech = await startSpeech({ modelsDir: ${JSON.stringify(modelsDir)}, recogniserThreads: 1, queueLimit: 1, hangTimeoutMs: 60000, log: quiet, onRestart() {} });
      const pids = Object.values(speech.states()).map((state) => state.pid);
      console.log(JSON.stringify({ pids, socket: speech.sockets.voices }));`;
    const root = fileURLToPath(new URL("../../..", import.meta.url));
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(parent.stdout!), "line")) as [string];
    const { pids, socket } = JSON.parse(line) as { pids: number[]; socket: string };
    expect(pids.every(isAlive)).toBe(true);
    await vi.waitFor(() => expect(existsSync(socket)).toBe(true), soon);
    parent.kill("SIGKILL");
    await vi.waitFor(() => {
      expect(pids.filter(isAlive)).toEqual([]);
      expect(existsSync(dirname(socket))).toBe(false);
    }, soon);
  });
});

describe("the embedder", () => {
  it("puts a question nearer to what answers it than to something else", async () => {
    const speech = await startEngines();
    const embedder = createEmbedder({ socketPath: speech.sockets.embeddings, clock });
    const options = () => ({
      ...{ signal: new AbortController().signal, tenant: "t" },
      deadlineMs: clock.nowMs() + 20_000,
    });
    const texts = [
      "What do plants need for photosynthesis?",
      "Plants use light, water and carbon dioxide to make sugar.",
    ];
    const [question, answer, other] = await embedder.embed(
      [...texts, "The train leaves at nine."],
      options(),
    );
    const dot = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, value, index) => sum + value * b[index]!, 0);
    expect(question).toHaveLength(384);
    expect(dot(question!, question!)).toBeCloseTo(1, 4);
    expect(dot(question!, answer!)).toBeGreaterThan(dot(question!, other!) + 0.3);

    // Many, long and empty ones too; a vector doesn't depend on its neighbours.
    const many = await embedder.embed(
      [...Array.from({ length: 20 }, () => "word ".repeat(400)), "", texts[0]!],
      options(),
    );
    expect(many).toHaveLength(22);
    expect(many[21]).toEqual(question);
    expect(await embedder.embed([], options())).toEqual([]);
    await expect(embedder.embed(texts, { ...options(), signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    await speech.close();
    await expect(
      embedder.embed(texts, { ...options(), deadlineMs: clock.nowMs() + 100 }),
    ).rejects.toMatchObject({
      code: "provider_unavailable",
    });
    await embedder.close();
  });
});
