/** Time and date in words. */

/** "It is 3:04 PM, Coordinated Universal Time." */
export function sayTime(epochMs: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "long",
  });
  const found = Object.fromEntries(parts.formatToParts(epochMs).map(({ type, value }) => [type, value]));
  return `It is ${found.hour}:${found.minute} ${found.dayPeriod}, ${found.timeZoneName}, by the clock of this gateway.`;
}

/** "Today is Saturday, November 21, 2026, in Coordinated Universal Time." */
export function sayDate(epochMs: number, timeZone: string, offsetDays: number): string {
  const format = { timeZone, weekday: "long", year: "numeric", month: "long", day: "numeric" } as const;
  const date = new Intl.DateTimeFormat("en-US", format).format(epochMs + offsetDays * 86_400_000);
  const day = offsetDays === 0 ? "Today is" : offsetDays > 0 ? "Tomorrow is" : "Yesterday was";
  return `${day} ${date}.`;
}
