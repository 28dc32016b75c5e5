/** Stand-ins in this process, for drills and tests. */
import { type Admin, startAdmin } from "./admin.ts";
import { loadStandin, registry } from "./registry.ts";
import { type Fault, type Standin, type StandinName, standinNames } from "./standin.ts";
import { createWorld, type DrillWorld, type WorldOptions } from "./world.ts";

export interface StandinsOptions extends Partial<WorldOptions> {
  /** Which ones; all by default. */
  names?: readonly StandinName[];
  /** Port of the admin server on 127.0.0.1 (0 for any free one); absent means none. */
  adminPort?: number;
}

/** Running stand-ins. */
export interface Standins {
  world: DrillWorld;
  standins: ReadonlyMap<StandinName, Standin>;
  /** Settings that point a gateway at them. */
  settings: Readonly<Record<string, string>>;
  /** Null without an admin port. */
  admin: Admin | null;
  /** Puts a fault on or takes it off (null); resolves when it is in force. */
  setFault(name: StandinName, fault: Fault | null): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** No secret: stand-ins take any key. */
const anyKey = "stand-in";
const defaultSeed = 1;

/**
 * Starts stand-ins, each on a free port of 127.0.0.1.
 *
 * @throws {Error} when one can't start; those that could are closed again
 */
export async function startStandins(options: StandinsOptions = {}): Promise<Standins> {
  const { names = standinNames, seed = defaultSeed, adminPort, ...rest } = options;
  const world = createWorld({ seed, ...rest });
  const standins = new Map<StandinName, Standin>();
  let admin: Admin | null = null;
  let closing: Promise<void> | null = null;
  const closeAll = async () => {
    await admin?.close();
    await world.close();
    await Promise.all([...standins.values()].map((standin) => standin.close()));
  };
  const close = () => {
    closing ??= closeAll();
    return closing;
  };
  world.faults.onListening(async (name, listening) => {
    await standins.get(name)?.setListening(listening);
  });
  try {
    await Promise.all(
      names.map(async (name) => {
        const start = await loadStandin(name);
        standins.set(name, await start(world));
      }),
    );
    if (adminPort !== undefined) admin = await startAdmin(world, standins, adminPort);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    world,
    standins,
    settings: settingsOf(standins),
    admin,
    setFault: (name, fault) => world.faults.set(name, fault),
    close,
  };
}

/** Addresses, and a key for each vendor of whom no part is left to the real one. */
function settingsOf(standins: ReadonlyMap<StandinName, Standin>): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const name of standinNames) {
    const standin = standins.get(name);
    if (standin !== undefined) settings[registry[name].urlSetting] = standin.url;
  }
  for (const name of standinNames) {
    const { keySetting } = registry[name];
    if (keySetting === null) continue;
    const others = standinNames.filter((other) => registry[other].keySetting === keySetting);
    if (others.every((other) => standins.has(other))) settings[keySetting] = anyKey;
  }
  return settings;
}
