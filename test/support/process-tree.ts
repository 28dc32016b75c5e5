/** What a process and its children cost, read from /proc (Linux). */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

export interface ProcessCost {
  pid: number;
  /** Its command line, cut to 120 characters. */
  command: string;
  /** User and system time so far, with that of children already reaped. */
  cpuMs: number;
  rssBytes: number;
}

/** A process and all that descend from it. Processes that leave meanwhile are left out. */
export function readProcessTree(rootPid: number): ProcessCost[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = readStat(Number(entry));
    if (fields) parents.set(Number(entry), Number(fields[1]));
  }
  const wanted = new Set([rootPid]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (!wanted.has(parent) || wanted.has(pid)) continue;
      wanted.add(pid);
      grown = true;
    }
  }
  return [...wanted].flatMap((pid) => readCost(pid) ?? []);
}

function readCost(pid: number): ProcessCost | null {
  const fields = readStat(pid);
  if (!fields) return null;
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 400);
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const rssKib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
    return { pid, command, cpuMs: (ticks * 1000) / ticksPerSecond, rssBytes: rssKib * 1024 };
  } catch {
    return null;
  }
}

/** Fields after the command's name: state is 0, the parent 1, utime 11 to cstime 14. */
function readStat(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** CPU of a tree, ms. */
export function treeCpuMs(rootPid: number): number {
  return readProcessTree(rootPid).reduce((sum, cost) => sum + cost.cpuMs, 0);
}

/** Resident memory of a tree, bytes (shared pages count once for each process). */
export function treeRssBytes(rootPid: number): number {
  return readProcessTree(rootPid).reduce((sum, cost) => sum + cost.rssBytes, 0);
}
