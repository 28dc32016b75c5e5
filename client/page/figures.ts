/** Numbers as the page writes them. */

/** Seconds with two digits: `0.84`; a dash for null. */
export function secondsOf(ms: number | null): string {
  return ms === null ? "–" : (ms / 1000).toFixed(2);
}

/** `840 ms`, `12.4 ms` below 20; a dash for null. */
export function millisecondsOf(ms: number | null): string {
  if (ms === null) return "–";
  return `${ms < 20 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** `3:07` minutes and seconds. */
export function minutesOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** `−38 dB`, with a real minus. */
export function decibelsOf(db: number | null): string {
  return db === null ? "–" : `${Math.round(db)} dB`.replace("-", "−");
}
