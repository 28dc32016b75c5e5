import { spawn } from "node:child_process";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { registry } from "../../loadtest/standins/registry.ts";
import { standinNames } from "../../loadtest/standins/standin.ts";
import { startStandins } from "../../loadtest/standins/start.ts";
import { repositoryRoot } from "../support/gateway.ts";

/** Whether something listens behind an address. */
function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

describe("startStandins", () => {
  it("starts all of them, and points a gateway at each", async () => {
    const running = await startStandins({ adminPort: 0 });
    expect([...running.standins.keys()].sort()).toEqual([...standinNames].sort());
    for (const name of standinNames) {
      const url = running.settings[registry[name].urlSetting]!;
      expect(url).toMatch(/^http:\/\/(127\.0\.0\.1|localhost):\d+/);
      expect(await isListening(url), name).toBe(true);
    }
    expect(running.settings.OPENAI_API_KEY).toBeDefined();
    await running.close();
    for (const { url } of running.standins.values()) expect(await isListening(url)).toBe(false);
    await running.close();
  });

  it("gives no key to a vendor of whom a part is left to the real one", async () => {
    const running = await startStandins({ names: ["openai-stt", "deepgram"] });
    expect(running.settings).not.toHaveProperty("OPENAI_API_KEY");
    expect(running.settings).toHaveProperty("DEEPGRAM_API_KEY");
    expect(running.settings).not.toHaveProperty("PARLEY_GEMINI_URL");
    await running.close();
  });

  it.each(standinNames)(
    "closes the listener of %s while it refuses, and opens it at the same port",
    async (name) => {
      const running = await startStandins({ names: [name] });
      const { url } = running.standins.get(name)!;
      await running.setFault(name, { kind: "refuse" });
      expect(await isListening(url)).toBe(false);
      await running.setFault(name, null);
      expect(await isListening(url)).toBe(true);
      await running.close();
    },
  );
});

describe("npm run standins", () => {
  function run(...args: string[]) {
    const child = spawn(process.execPath, ["loadtest/standins/main.ts", ...args], { cwd: repositoryRoot });
    let printed = "";
    const wait = new Promise<void>((resolve) => {
      const collect = (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.includes("# Admin port:")) resolve();
      };
      child.stdout.on("data", collect);
      child.stderr.on("data", collect);
      child.once("close", () => resolve());
    });
    const exit = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
    return { child, wait, exit, printed: () => printed };
  }

  it.each(["SIGINT", "SIGTERM"] as const)(
    "prints settings and the admin port, and ends on %s",
    async (signal) => {
      const { child, wait, exit, printed } = run(
        "--only",
        "gemini,elevenlabs",
        "--say",
        "Good morning to you all.",
      );
      await wait;
      expect(printed()).toMatch(/^PARLEY_GEMINI_URL=http/m);
      expect(printed()).toMatch(/^PARLEY_ELEVENLABS_URL=http/m);
      const admin = /Admin port: (\S+)/.exec(printed())![1]!;
      const listed = (await (await fetch(`${admin}/standins`)).json()) as { name: string }[];
      expect(listed.map(({ name }) => name).sort()).toEqual(["elevenlabs", "gemini"]);
      child.kill(signal);
      expect(await exit).toBe(0);
    },
  );

  it.each([
    ["an unknown stand-in", ["--only", "siri"]],
    ["a latency that is no number", ["--first-p50-ms", "fast"]],
    ["percentiles the wrong way round", ["--first-p50-ms", "500", "--first-p95-ms", "100"]],
    ["an unknown option", ["--loud"]],
  ])("refuses %s", async (_, args) => {
    const { exit, printed } = run(...args);
    expect(await exit).toBe(2);
    expect(printed()).toContain("npm run standins");
  });
});
