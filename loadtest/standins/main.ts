/** `npm run standins`: starts all stand-ins and prints the settings that point a gateway at them. */
import { parseArgs } from "node:util";
import { defaultLatency, type Latencies } from "./latency.ts";
import { type StandinName, standinNames } from "./standin.ts";
import { startStandins } from "./start.ts";

const usage = `npm run standins -- [options]
  --seed N           of all draws: latencies, shares of faults, answers (1)
  --only A,B         these stand-ins and no others: ${standinNames.join(", ")}
  --admin-port N     admin port on 127.0.0.1 (any free one)
  --first-p50-ms N   to the first useful output (${defaultLatency.first.p50Ms})
  --first-p95-ms N   (${defaultLatency.first.p95Ms})
  --piece-p50-ms N   between pieces (${defaultLatency.piece.p50Ms})
  --piece-p95-ms N   (${defaultLatency.piece.p95Ms})
  --say TEXT         an utterance that the stand-ins recognise; may be given again and again
`;

/** Options that can't be. */
class UsageError extends Error {}

function readNumber(text: string | undefined, name: string, fallback: number): number {
  const number = text === undefined ? fallback : Number(text);
  if (!(number >= 0 && number <= 2 ** 32)) throw new UsageError(`--${name} must be a number of at least 0`);
  return number;
}

function readOnly(text: string | undefined): readonly StandinName[] {
  if (text === undefined) return standinNames;
  return text.split(",").map((name) => {
    const known = standinNames.find((one) => one === name.trim());
    if (known === undefined) throw new UsageError(`--only takes: ${standinNames.join(", ")}`);
    return known;
  });
}

function readOptions(args: string[]) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      seed: text,
      only: text,
      "admin-port": text,
      "first-p50-ms": text,
      "first-p95-ms": text,
      "piece-p50-ms": text,
      "piece-p95-ms": text,
      say: { type: "string", multiple: true },
      help: { type: "boolean" },
    },
  });
  const percentiles = (which: "first" | "piece") => {
    const fallback = defaultLatency[which];
    const p50Ms = readNumber(values[`${which}-p50-ms`], `${which}-p50-ms`, fallback.p50Ms);
    const p95Ms = readNumber(
      values[`${which}-p95-ms`],
      `${which}-p95-ms`,
      Math.max(p50Ms, (fallback.p95Ms / fallback.p50Ms) * p50Ms),
    );
    if (p95Ms < p50Ms) throw new UsageError(`--${which}-p95-ms must be at least --${which}-p50-ms`);
    return { p50Ms, p95Ms };
  };
  const latency = { first: percentiles("first"), piece: percentiles("piece") };
  const latencies: Latencies = Object.fromEntries(standinNames.map((name) => [name, latency]));
  return {
    help: values.help === true,
    say: values.say ?? [],
    standins: {
      seed: readNumber(values.seed, "seed", 1),
      names: readOnly(values.only),
      adminPort: readNumber(values["admin-port"], "admin-port", 0),
      latencies,
    },
  };
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  const running = await startStandins(options.standins);
  for (const text of options.say) await running.world.learn({ text });
  const settings = Object.entries(running.settings).map(([name, value]) => `${name}=${value}\n`);
  process.stdout.write(`${settings.join("")}# Admin port: ${running.admin?.url}\n`);
  const stop = () => void running.close().then(() => process.exit(0));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const misused = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS");
  process.stderr.write(misused ? `${message}\n\n${usage}` : `${message}\n`);
  process.exit(misused ? 2 : 1);
});
