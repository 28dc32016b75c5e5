import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";

/** A process under test with what it printed so far; waits end when the words came. */
export class Supervised {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly exited: Promise<number | null>;
  readonly #waits = new Set<() => void>();

  constructor(script: string, args: string[], options: { env: Record<string, string>; cwd?: string }) {
    const { PATH = "" } = process.env;
    this.child = spawn(process.execPath, [script, ...args], {
      env: { PATH, ...options.env },
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of ["stdout", "stderr"] as const) {
      this.child[stream]!.setEncoding("utf8").on("data", (text: string) => {
        this[stream] += text;
        for (const check of this.#waits) check();
      });
    }
    this.exited = once(this.child, "close").then(([code]) => {
      for (const check of this.#waits) check();
      return code as number | null;
    });
  }

  /** The first match of the pattern, or the nth. @throws when the process ends without it */
  async sees(stream: "stdout" | "stderr", pattern: RegExp, nth = 1): Promise<RegExpMatchArray> {
    const find = () => [...this[stream].matchAll(new RegExp(pattern, "g"))][nth - 1];
    const ended = this.exited.then((code) => {
      const found = find();
      if (found) return found;
      throw new Error(`ended with ${code} and never said ${pattern}:\n${this.stdout}\n${this.stderr}`);
    });
    const seen = new Promise<RegExpMatchArray>((resolve) => {
      const check = () => {
        const found = find();
        if (found) {
          this.#waits.delete(check);
          resolve(found);
        }
      };
      this.#waits.add(check);
      check();
    });
    return Promise.race([seen, ended]);
  }

  /** Its URL, once it said where it is. */
  async url(): Promise<string> {
    return (await this.sees("stdout", /Parley is at (\S+)\n/))[1]!;
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
  }
}
