import type { SettingsStore } from "./call-settings.ts";

/**
 * The browser's store; where it refuses one, a store that lasts as long as the page.
 *
 * @param find - names it: with cookies and site data blocked, even that throws
 */
export function storeOf(find: () => Storage | null): SettingsStore {
  try {
    return find() ?? makeStore();
  } catch {
    return makeStore();
  }
}

function makeStore(): SettingsStore {
  const kept = new Map<string, string>();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  };
}
