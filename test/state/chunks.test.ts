import { describe, expect, it } from "vitest";
import { splitSentences } from "../../gateway/language/sentences.ts";
import { chunkLimits, cutDocument } from "../../gateway/state/knowledge/chunks.ts";
import { knowledgeLimits } from "../../gateway/state/knowledge/holdings.ts";
import { nameMaxChars } from "../../gateway/state/knowledge/markdown.ts";

describe("cutDocument", () => {
  it("cuts at headings and names the way to a passage", () => {
    const chunks = cutDocument(
      "",
      "# Guide\n\nIntro here.\n\n## Ports\n\n### Default\n\nIt is 8080.\n\n## Voices\n\nThere are two.\n",
    );
    expect(chunks.map(({ source, heading, text }) => [source, heading, text])).toEqual([
      ["Guide", "", "Intro here."],
      ["Guide: Ports: Default", "Default", "It is 8080."],
      ["Guide: Voices", "Voices", "There are two."],
    ]);
  });

  it("leaves code, comments and pictures out and turns tables into sentences", () => {
    const text = [
      "## Settings",
      "<!-- hidden -->",
      "Set `PARLEY_PORT` as **shown** in [the guide](https://example.com/a_b). ![logo](logo.png)",
      "```sh",
      "rm -rf everything",
      "```",
      "| setting | default | what |",
      "|---|---|---|",
      "| `PORT` | 8080 | where it listens for new connections |",
      "| `HOST` | localhost | |",
      "- one thing",
      "- another thing",
    ].join("\n");
    expect(cutDocument("T", text)[0]?.text).toBe(
      "Set PARLEY_PORT as shown in the guide. PORT: default 8080, where it listens for new connections. HOST: default localhost. one thing. another thing.",
    );
  });

  it("keeps other ways to ask beside the text", () => {
    const [chunk] = cutDocument(
      "T",
      "## What is it?\n<!-- also asked: What's this? | Explain it -->\n\nA thing.\n",
    );
    expect(chunk).toMatchObject({ text: "A thing.", alsoAsked: ["What's this?", "Explain it"] });
  });

  it.each([
    ["over several lines", "## What?\n<!-- also asked: one? |\n  two? -->\nText.\n"],
    ["in the heading's line", "## What? <!-- also asked: one? | two? -->\nText.\n"],
  ])("reads other ways to ask %s, and speaks none of them", (_, text) => {
    expect(cutDocument("T", text)).toMatchObject([
      { heading: "What?", text: "Text.", alsoAsked: ["one?", "two?"] },
    ]);
  });

  it("does not speak what stands before a document, whoever wrote its line ends", () => {
    const text = "---\ntitle: x\nauthor: me\n---\n# Guide\n\nOne line\nand another.\n";
    for (const end of ["\n", "\r\n", "\r"]) {
      const [chunk, ...more] = cutDocument("", `\uFEFF${text.replaceAll("\n", end)}`);
      expect(chunk).toMatchObject({ source: "Guide", text: "One line and another." });
      expect(more).toEqual([]);
    }
  });

  it.each([
    ["shows another one", "````md\n```sh\nrm -rf /\n```\nsecret\n````\nAfter."],
    ["holds what looks like a beginning", "```\nfirst\n```js\nsecret\n```\nAfter."],
    ["holds marks of another kind", "~~~\n```\nsecret\n~~~~\nAfter."],
  ])("leaves a block of code out that %s", (_, text) => {
    expect(cutDocument("T", `Before.\n${text}\n`).map((chunk) => chunk.text)).toEqual(["Before. After."]);
  });

  it("takes plain text, and keeps every passage within its limits", () => {
    const text = `${"A sentence that says a little. ".repeat(40)}\n\n${"word ".repeat(1000)}`;
    const chunks = cutDocument("Notes", text);
    expect(chunks.length).toBeGreaterThan(8);
    for (const chunk of chunks) {
      expect(chunk.text.length).toBeLessThanOrEqual(chunkLimits.maxChars + chunkLimits.maxSentences);
      expect(splitSentences(chunk.text).length).toBeLessThanOrEqual(chunkLimits.maxSentences + 1);
    }
    expect(cutDocument("Empty", "```\nonly code\n```")).toEqual([]);
  });
});

/** The longest document that is taken. */
const manyChars = knowledgeLimits.bytesPerDocument;

describe("cutDocument with documents that nobody wrote by hand", () => {
  it("cuts long headings, other ways to ask and names of columns between words", () => {
    const long = "word ".repeat(1000);
    const table = `| a | ${long} |\n|---|---|\n| one | 1 |\n`;
    const chunks = cutDocument("", `# ${long}\n## ${long}?\n<!-- also asked: ${long} -->\n${table}`);
    const name = "word ".repeat(nameMaxChars / "word ".length).trim();
    expect(chunks).toEqual([
      { heading: name, source: `${name}: ${name}`, text: `one: ${name} 1.`, alsoAsked: [name] },
    ]);
  });

  it("loses no word and no link of a paragraph of any length", () => {
    const words = Array.from({ length: 5000 }, (_, index) => `[word${index}](https://example.com)`);
    const text = cutDocument("T", words.join(" ")).map((chunk) => chunk.text);
    expect(text.join(" ")).toBe(`${words.map((_, index) => `word${index}`).join(" ")}.`);
  });

  it("stops at the passages that there is room for, and tells that there are more", () => {
    expect(cutDocument("T", "## a\nb\n".repeat(100), 10)).toHaveLength(11);
    expect(cutDocument("T", "A sentence.\n".repeat(100), 10)).toHaveLength(11);
    expect(cutDocument("T", "## a\nb\n".repeat(10), 10)).toHaveLength(10);
  });

  // Work that grows with the square of their length takes longer than a test may.
  it.each([
    ["brackets", "[".repeat(manyChars)],
    ["beginnings of pictures", "![".repeat(manyChars / 2)],
    ["beginnings of tags", "<a".repeat(manyChars / 2)],
    ["beginnings of comments", "<!--".repeat(manyChars / 4)],
    ["beginnings of bold words", "x **a".repeat(manyChars / 10)],
    ["spaces in a heading", `# a${" ".repeat(manyChars)}b\ntext`],
  ])("reads a document of nothing but %s", (_, text) => {
    expect(cutDocument("T", `${text}\n\nThe end.`).at(-1)?.text).toMatch(/The end\.$/);
  });
});

describe("splitSentences", () => {
  it("does not stop at abbreviations and numbers", () => {
    expect(splitSentences("Use e.g. Node 24.1 or so. It works, i.e. it runs. Is it? Yes!")).toEqual([
      "Use e.g. Node 24.1 or so.",
      "It works, i.e. it runs.",
      "Is it?",
      "Yes!",
    ]);
  });
});
