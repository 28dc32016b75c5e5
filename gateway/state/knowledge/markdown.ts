/** Markdown to plain prose under headings: what can be searched and read out. */
import { cutAtWords } from "../../language/sentences.ts";

/** A stretch of prose under one heading. */
export interface Section {
  /** Headings from the outermost in, the document's title left out; empty before the first one. */
  headings: string[];
  /** Other ways to ask what the heading asks, from a comment `also asked: … | …`; not part of the prose. */
  alsoAsked: string[];
  /** Plain prose; one entry a paragraph, list item or table row, each ending in punctuation. */
  paragraphs: string[];
}

/** Other ways to ask that one section may list. */
const alsoAskedMax = 8;

/** A heading, another way to ask or a column's name is cut to that. */
export const nameMaxChars = 200;
/** Looked through for marks at a time: the patterns take the square of it where marks don't end. */
const stripMaxChars = 4_000;

const alsoAskedComment = /^<!--\s*also asked:([\s\S]*)-->$/;

/**
 * @param markdown - a document; plain text is Markdown without marks
 * @returns its first heading of level 1 (null if none) and its sections, code blocks, comments and images left out,
 *   table rows as sentences ("Port: default 8080, from 1 to 65535.")
 */
export function parseMarkdown(markdown: string): { title: string | null; sections: Section[] } {
  const state: ParseState = {
    title: null,
    stack: [],
    sections: [],
    open: null,
    alsoAsked: [],
    paragraph: [],
    table: null,
  };
  let fence: string | null = null;
  const lines = markdown.replace(/^\uFEFF/, "").replace(/\r\n?|[\u2028\u2029]/g, "\n");
  const text = dropComments(lines).replace(/^---\n[\s\S]*?\n---\n/, "");
  for (const line of text.split("\n")) {
    const [, mark, info = ""] = /^\s*(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (fence !== null) {
      // The end is as long as the beginning at least, and stands alone.
      if (mark?.startsWith(fence) && info.trim() === "") fence = null;
      continue;
    }
    if (mark !== undefined) {
      fence = mark;
      endParagraph(state);
      continue;
    }
    readLine(state, line);
  }
  endParagraph(state);
  return { title: state.title, sections: state.sections.filter((section) => section.paragraphs.length > 0) };
}

/** Takes comments out; one that lists other ways to ask stays, on one line of its own. */
function dropComments(text: string): string {
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const from = text.indexOf("<!--", at);
    const end = from < 0 ? -1 : text.indexOf("-->", from);
    if (end < 0) return kept.join("") + text.slice(at);
    kept.push(text.slice(at, from));
    at = end + "-->".length;
    const comment = text.slice(from, at);
    if (!alsoAskedComment.test(comment)) continue;
    const before = from === 0 || text[from - 1] === "\n" ? "" : "\n";
    const after = text[at] === "\n" ? "" : "\n";
    kept.push(before, comment.replaceAll("\n", " "), after);
  }
}

interface ParseState {
  title: string | null;
  stack: { level: number; text: string }[];
  sections: Section[];
  open: Section | null;
  /** Collected for the section that follows. */
  alsoAsked: string[];
  paragraph: string[];
  table: { header: string[]; ruled: boolean } | null;
}

function readLine(state: ParseState, line: string): void {
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    const [, level = "#", text = ""] = heading;
    endParagraph(state);
    openSection(state, level.length, cutName(stripMarks(text.trimEnd().replace(/(?<!#)#+$/, ""))));
    return;
  }
  if (/^\s*\|.*\|\s*$/.test(line)) {
    readTableRow(state, line);
    return;
  }
  state.table = null;
  const also = alsoAskedComment.exec(line)?.[1];
  if (also !== undefined) {
    state.alsoAsked = also
      .split("|")
      .map((question) => cutName(question.trim()))
      .filter(Boolean);
    return;
  }
  const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line);
  if (item || line.trim() === "" || /^\s*(?:[-*_]\s*){3,}$/.test(line)) endParagraph(state);
  const content = item ? (item[1] ?? "") : line.replace(/^\s*>\s?/, "").trim();
  if (content !== "" && !/^\s*(?:[-*_]\s*){3,}$/.test(content)) state.paragraph.push(content);
}

function openSection(state: ParseState, level: number, text: string): void {
  if (level === 1 && state.title === null && state.sections.length === 0) {
    state.title = text;
    return;
  }
  while ((state.stack.at(-1)?.level ?? 0) >= level) state.stack.pop();
  state.stack.push({ level, text });
  state.open = null;
  state.alsoAsked = [];
}

function endParagraph(state: ParseState): void {
  const text = stripMarks(state.paragraph.join(" "));
  state.paragraph = [];
  pushProse(state, text);
}

function pushProse(state: ParseState, text: string): void {
  if (!/[\p{L}\p{N}]/u.test(text)) return;
  if (state.open === null) {
    state.open = {
      headings: state.stack.map((entry) => entry.text),
      alsoAsked: state.alsoAsked.splice(0, alsoAskedMax),
      paragraphs: [],
    };
    state.alsoAsked = [];
    state.sections.push(state.open);
  }
  const ended = /[.!?:;]["”')]*$/.test(text) ? text.replace(/[:;]$/, ".") : `${text}.`;
  state.open.paragraphs.push(ended);
}

function readTableRow(state: ParseState, line: string): void {
  endParagraph(state);
  const cells = line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => stripMarks(cell.replaceAll("\\|", "|").trim()));
  if (state.table === null) {
    state.table = { header: cells.map(cutName), ruled: false };
    return;
  }
  if (!state.table.ruled) {
    state.table.ruled = true;
    if (cells.every((cell) => /^:?-*:?$/.test(cell))) return;
  }
  const header = state.table.header;
  const [first = "", ...rest] = cells;
  const facts = rest
    .map((cell, index) => describeCell(header[index + 1] ?? "", cell))
    .filter((fact) => fact !== "");
  if (first !== "") pushProse(state, facts.length === 0 ? first : `${first}: ${facts.join(", ")}`);
}

/** A cell with its column's name, unless it reads as prose by itself. */
function describeCell(column: string, cell: string): string {
  if (cell === "" || cell === "-" || cell === "—") return "";
  return column === "" || cell.split(" ").length > 3 ? cell.replace(/\.$/, "") : `${column} ${cell}`;
}

/** The beginning of what is said again with each passage or row under it. */
function cutName(text: string): string {
  return cutAtWords(text, nameMaxChars)[0] ?? "";
}

/** Takes marks away and keeps the words: links become their text, images vanish, inline code loses its ticks. */
export function stripMarks(text: string): string {
  return cutAtWords(text, stripMaxChars)
    .map(stripPiece)
    .filter((piece) => piece !== "")
    .join(" ");
}

function stripPiece(text: string): string {
  return text
    .replace(/!\[[^[\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^[\]]+)\]\([^)]*\)/g, "$1")
    .replace(/\[([^[\]]+)\]\[[^[\]]*\]/g, "$1")
    .replace(/<((?:https?|wss?):[^<>]+)>/g, "$1")
    .replace(/<\/?[a-z][^<>]*>/gi, "")
    .replace(/(\*\*|__)(?=\S)(.+?)(?<=\S)\1/g, "$2")
    .replace(/(?<![\w*])\*(?=\S)(.+?)(?<=\S)\*(?![\w*])/g, "$1")
    .replace(/(?<!\w)_(?=\S)(.+?)(?<=\S)_(?!\w)/g, "$1")
    .replace(/`+/g, "")
    .replace(/\\([\\`*_{}[\]()#+\-.!|])/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}
