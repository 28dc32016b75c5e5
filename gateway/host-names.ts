/** By which names and addresses this machine can be called. */
import type { NetworkInterfaceInfo } from "node:os";
import { isLoopbackHost } from "./loopback.ts";

/** Names (small letters) and addresses (IPv6 without brackets), none twice. */
export interface HostNames {
  /** What lasts: loopback, the machine's own names, its IPv4 and local IPv6 addresses, the public name. */
  steady: string[];
  /** Global IPv6 addresses: many machines take new ones every day. */
  passing: string[];
}

/** What is looked at; `node:os` and the settings in production. */
export interface Machine {
  hostname: string;
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** The public URL of the settings; null without one. */
  publicUrl: string | null;
}

/** Machines with more (containers' bridges, for one) have the first ones named. */
const maxAddresses = 64;
const loopbackNames = ["localhost", "127.0.0.1", "::1"];
const domainName =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Everything that a certificate for this machine should name. */
export function readHostNames(machine: Machine): HostNames {
  const addresses = lanAddresses(machine.interfaces);
  const lasting = addresses.filter((address) => !isGlobalIpv6(address));
  const publicHost = machine.publicUrl === null ? [] : [hostOfUrl(machine.publicUrl)];
  const steady = [...loopbackNames, ...ownNames(machine.hostname), ...lasting, ...publicHost];
  return { steady: [...new Set(steady)], passing: addresses.filter(isGlobalIpv6) };
}

/**
 * Addresses by which others on the network reach this machine, IPv4 first, at most 64. Link-local IPv6 is left out: a
 * URL can't name it, since it needs an interface beside it.
 */
export function lanAddresses(interfaces: Machine["interfaces"]): string[] {
  const all = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  const ofFamily = (family: string) => all.filter((info) => info.family === family);
  const addresses = [...ofFamily("IPv4"), ...ofFamily("IPv6")].map(({ address }) => address.toLowerCase());
  return [...new Set(addresses)].slice(0, maxAddresses);
}

/**
 * Those of `names` by which a gateway that listens on `host` is called from the network: all of them when it listens
 * everywhere, none when it listens to this machine only.
 */
export function namesReached(host: string, names: readonly string[]): string[] {
  if (isLoopbackHost(host)) return [];
  const others = names.filter((name) => !isLoopbackHost(name));
  if (host === "::") return others;
  if (host === "0.0.0.0") return others.filter((name) => !name.includes(":"));
  return [host.toLowerCase(), ...others.filter((name) => !isAddress(name))];
}

/** As it stands in a URL: IPv6 addresses in brackets. */
export function urlHost(name: string): string {
  return name.includes(":") ? `[${name}]` : name;
}

/** The machine's name as it calls itself, its first label, and that label as mDNS has it. */
function ownNames(hostname: string): string[] {
  const whole = hostname.toLowerCase();
  const label = whole.split(".", 1)[0]!;
  return [whole, label, `${label}.local`].filter((name) => domainName.test(name) && !isAddress(name));
}

function hostOfUrl(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^\d+(\.\d+){3}$/.test(name);
}

/** 2000::/3; the rest is local (fc00::/7) or of no use here. */
function isGlobalIpv6(address: string): boolean {
  return /^[23][0-9a-f]{0,3}:/.test(address);
}
