/** Words that are made to be heard: no marks, no addresses read letter by letter, no code. */

/**
 * @param text - a sentence of a document, plain or with rests of Markdown
 * @returns the sentence as one would say it; "" if nothing of it can be said
 */
export function speakSentence(text: string): string {
  const spoken = speakWords(text);
  if (spoken === "") return "";
  const capital = spoken[0]?.toUpperCase() + spoken.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital.replace(/[,;:]$/, "")}.`;
}

/** As `speakSentence`, for words inside a sentence: no capital and no full stop is added. */
export function speakWords(text: string): string {
  const spoken = text
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .replace(/[`*]+/g, "")
    .replace(/(?<=\w)\{[^{}]*\}/g, "")
    .replace(/\s*\(\s*[\w.-]+=(?:"[^"]*"|[^\s()]*)\s*\)/g, "")
    .replace(/\s*\((?:https?|wss?):[^)]*\)/gi, "")
    .replace(
      /\b(?:https?|wss?):\/\/([^\s/:?#,;)]+)(?::(\d+))?[^\s,;)]*/gi,
      (whole, host: string, port?: string) =>
        speakAddress(host, port) + (/[.!?]$/.test(whole) ? (whole.at(-1) ?? "") : ""),
    )
    .replace(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g, (name) => name.toLowerCase().replaceAll("_", " "))
    .replace(/(?<=\w)_(?=\w)/g, " ")
    .replace(/(^|\s)\/(?:[\w-]+\/?)+/g, (path) => path.replaceAll("/", " slash ").replace(/\s+slash\s*$/, ""))
    .replace(/\s*(?:→|=>|->)\s*/g, " to ")
    .replace(/\s*[–—]\s*/g, ", ")
    .replace(/\be\.g\.\s*/g, "for example ")
    .replace(/\bi\.e\.\s*/g, "that is ")
    .replace(/[#|<>{}[\]\\~^]+/g, " ")
    .replace(/\s+/g, " ")
    .replace(/\s+([,.;:!?])/g, "$1")
    .trim();
  return !/[\p{L}\p{N}]/u.test(spoken) || looksLikeCode(spoken) ? "" : spoken;
}

function speakAddress(host: string, port: string | undefined): string {
  const name = host.replace(/^www\./, "").replaceAll(".", " dot ");
  return port === undefined ? name : `${name}, port ${port}`;
}

function looksLikeCode(text: string): boolean {
  const marks = text.match(/[={}();$&%]/g)?.length ?? 0;
  // A query is never said.
  return (marks > 3 && marks / text.length > 0.05) || /[?&]\w+=/.test(text);
}

/** How many words one hears. */
export function countWords(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

/** "a, b and c"; at most `max` things, the rest as "and 4 more". */
export function joinList(parts: readonly string[], max: number): string {
  const shown = parts.slice(0, max);
  const more = parts.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  if (shown.length <= 1) return shown[0] ?? "";
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/**
 * A choice that the same request always makes the same way.
 *
 * @param seed - text of the request
 */
export function choose<Value>(options: readonly Value[], seed: string): Value {
  let hash = 2166136261;
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 16777619);
  const picked = options[(hash >>> 0) % options.length];
  if (picked === undefined) throw new RangeError("nothing to choose from");
  return picked;
}
