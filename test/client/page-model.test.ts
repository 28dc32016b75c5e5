import { describe, expect, it } from "vitest";
import {
  defaultSettings,
  loadSettings,
  readSettings,
  saveSettings,
  sessionOf,
} from "../../client/page/call-settings.ts";
import { decibelsOf, millisecondsOf, minutesOf, secondsOf } from "../../client/page/figures.ts";
import { type NoticePlace, noticeOf } from "../../client/page/notices.ts";
import { statusWords } from "../../client/page/status-words.ts";
import { writeTranscript } from "../../client/page/transcript-export.ts";
import { quantile, TurnBook } from "../../client/page/turn-book.ts";
import { waitOf } from "../../client/page/waterfall-view.ts";
import { ParleyError } from "../../client/parley-error.ts";
import { errorCodes } from "../../wire/codes.ts";
import type { TurnEvent } from "../../wire/extensions.ts";
import { reportOf } from "./page-stage.ts";

function makeStore(): { store: Storage; kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const store = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
  return { store: store as unknown as Storage, kept };
}

function report(responseId: string, infraMs: number): TurnEvent {
  const made = reportOf(responseId);
  return { event_id: "event_1", ...made, totals: { ...made.totals, infra_ms: infraMs } };
}

describe("the page's settings", () => {
  it("come back as they were kept, and only what differs from the defaults is kept", () => {
    const { store, kept } = makeStore();
    expect(saveSettings(store, { ...defaultSettings, voice: "ash", noise: "off" })).toBe(true);
    expect(JSON.parse([...kept.values()][0]!)).toEqual({ voice: "ash", noise: "off" });
    expect(loadSettings(store)).toEqual({ ...defaultSettings, voice: "ash", noise: "off" });
    saveSettings(store, { ...defaultSettings });
    expect(kept.size).toBe(0);
  });

  it.each([
    ["no JSON", "{"],
    ["another type", "[1, 2]"],
    ["values of other types", '{"voice": 7, "echoCancellation": "no", "mode": null}'],
    ["choices that there are not", '{"mode": "telepathy", "noise": "loud", "turnEnd": "never"}'],
    ["nothing", "null"],
  ])("fall back to the defaults where a browser kept %s", (_name, text) => {
    const { store, kept } = makeStore();
    kept.set("parley.settings", text);
    expect(loadSettings(store)).toEqual(defaultSettings);
  });

  it("survive a browser that keeps nothing, and cut what is too long", () => {
    const refuse = (): never => {
      throw new DOMException("full", "QuotaExceededError");
    };
    const store = { getItem: refuse, setItem: refuse, removeItem: refuse } as unknown as Storage;
    expect(saveSettings(store, { ...defaultSettings, voice: "ash" })).toBe(false);
    expect(loadSettings(store)).toEqual(defaultSettings);
    expect(readSettings({ instructions: "x".repeat(9000) }).instructions).toHaveLength(4000);
  });

  it("become the session's settings; what was left empty is the server's", () => {
    expect(sessionOf(defaultSettings)).toEqual({
      audio: {
        input: {
          noise_reduction: { type: "near_field" },
          turn_detection: { type: "semantic_vad", eagerness: "auto" },
        },
      },
    });
    expect(
      sessionOf({
        ...defaultSettings,
        voice: "ash",
        instructions: " Be brief. ",
        noise: "off",
        turnEnd: "silence",
      }),
    ).toEqual({
      instructions: "Be brief.",
      audio: {
        input: { noise_reduction: { type: "none" }, turn_detection: { type: "server_vad" } },
        output: { voice: "ash" },
      },
    });
  });
});

describe("the page's notices", () => {
  const place: NoticePlace = {
    userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    url: new URL("http://192.168.1.20:8080/?record=1"),
    online: true,
  };

  it("have a whole sentence for every code that there is, and none of them shows the code itself", () => {
    for (const code of errorCodes) {
      const { title } = noticeOf(new ParleyError(code, { detail: "Something else." }), place);
      expect(title, code).toMatch(/^[A-Z].*\.$/);
      expect(title, code).not.toContain("_");
    }
  });

  it.each([
    ["Chrome/140.0 Safari/537.36", /left end of the address bar/],
    ["Gecko/20100101 Firefox/140.0", /microphone sign/],
    ["Version/18.0 Safari/605.1.15", /Settings for this website/],
    ["(iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile Safari/604.1", /Website Settings/],
    ["(Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", /Permissions/],
  ])("tell where %s keeps the microphone's permission", (userAgent, words) => {
    const { steps } = noticeOf(new ParleyError("microphone_refused"), { ...place, userAgent });
    expect(steps!.join(" ")).toMatch(words);
  });

  it("name the address to open where there is no https, and the network where it is gone", () => {
    const insecure = noticeOf(new ParleyError("microphone_insecure"), place).steps!.join(" ");
    expect(insecure).toContain("`PARLEY_TLS=self npm start`");
    expect(insecure).toContain("`https://192.168.1.20:8080/`");
    expect(insecure).toContain("`http://localhost:8080/`");
    const offline = noticeOf(new ParleyError("server_unreachable"), { ...place, online: false });
    expect(offline).toMatchObject({ title: "You are offline.", retries: true });
    expect(noticeOf(new ParleyError("offline"), place)).toEqual(offline);
  });
});

describe("the page's words for a state", () => {
  it("differ between hands-free and holding, and speak of keys only where there are some", () => {
    const facts = { state: "listening", mode: "hands-free", muted: false, pressed: false } as const;
    const place = { asking: false, latched: false, keys: true };
    expect(statusWords(facts, place).status).toBe("Listening. Say something.");
    expect(statusWords({ ...facts, muted: true }, place).status).toContain("Muted");
    const saying = { ...facts, muted: true, state: "speaking" } as const;
    expect(statusWords(saying, place).status).toBe("Muted. Parley doesn't hear you.");
    expect(statusWords({ ...saying, mode: "push-to-talk" }, place).status).toBe(
      "Speaking. Hold to interrupt.",
    );
    expect(statusWords({ ...facts, muted: true, mode: "push-to-talk" }, place).status).toBe(
      "Muted. Hold to talk.",
    );
    expect(statusWords({ ...facts, mode: "push-to-talk" }, place)).toEqual({
      status: "Hold to talk.",
      hint: "the button or the space bar; a short press stays down",
    });
    const held = { ...facts, mode: "push-to-talk", state: "hearing", pressed: true } as const;
    expect(statusWords(held, place).hint).toBe("Let go when you have finished.");
    expect(statusWords(held, { ...place, latched: true }).hint).toBe(
      "Press once more when you have finished.",
    );
    expect(statusWords({ ...facts, state: "speaking" }, { ...place, keys: false }).hint).toBe("");
  });
});

describe("TurnBook", () => {
  it("joins the user's words, this device's clock and the server's report, in whatever order they come", () => {
    const book = new TurnBook();
    book.noteCommitted("item_1u");
    book.noteAsked("item_1u", "What is Parley?");
    book.noteItem("resp_1", "item_1");
    expect(book.noteAnswered("item_1", 812)).toMatchObject({
      asked: "What is Parley?",
      waitMs: 812,
      report: null,
    });
    book.noteReport(report("resp_1", 40));
    book.noteReport(report("resp_2", 60));
    book.noteItem("resp_2", "item_2");
    book.noteAnswered("item_2", 1400);
    book.noteInterrupted("item_2");
    expect(book.turns.map(({ number, waitMs, interrupted }) => [number, waitMs, interrupted])).toEqual([
      [1, 812, false],
      [2, 1400, true],
    ]);
    expect(book.totals()).toMatchObject({
      turns: 2,
      medianWaitMs: 812,
      p95WaitMs: 1400,
      medianInfraMs: 40,
      p95InfraMs: 60,
      interruptions: 1,
      engines: [
        { name: "stt embedded", used: 2, failed: 0 },
        { name: "tts flite", used: 2, failed: 0 },
      ],
    });
    expect(book.noteAnswered("item_9", 5)).toBeNull();
  });

  it("counts what was heard once, however often it is told", () => {
    const book = new TurnBook();
    for (const playedMs of [250, 500, 750, 700]) book.noteHeard("item_1", playedMs);
    for (let item = 2; item < 80; item++) book.noteHeard(`item_${item}`, 100);
    for (let frame = 0; frame < 50; frame++) book.noteSpoken(20);
    expect(book.totals()).toMatchObject({ heardMs: 750 + 78 * 100, spokenMs: 1000 });
  });

  it("counts only what was heard, and gives each turn its own question, also of answers that were cancelled", () => {
    const book = new TurnBook();
    for (const [number, status] of [
      [1, "cancelled"],
      [2, "heard"],
      [3, "awaited"],
    ] as const) {
      book.noteCommitted(`item_${number}u`);
      book.noteCreated(`resp_${number}`);
      if (status === "cancelled") book.noteBroken("resp_1");
      else book.noteItem(`resp_${number}`, `item_${number}`);
      book.noteReport(report(`resp_${number}`, number === 2 ? 40 : 0));
      // Written down after all of that.
      book.noteAsked(`item_${number}u`, `Question ${number}?`);
      if (status === "heard") book.noteHeard("item_2", 80);
    }
    expect(book.turns.map(({ asked, sound }) => [asked, sound])).toEqual([
      ["Question 1?", "missed"],
      ["Question 2?", "heard"],
      ["Question 3?", "awaited"],
    ]);
    expect(book.turns.map(waitOf)).toEqual(["not heard", "–", "…"]);
    expect(book.totals()).toMatchObject({ turns: 3, medianInfraMs: 40, p95InfraMs: 40 });
  });

  it("waits for nothing of a conversation that is over, and gives its words to no other", () => {
    const book = new TurnBook();
    book.noteItem("resp_1", "item_1");
    book.noteAnswered("item_1", 800);
    book.noteItem("resp_2", "item_2");
    book.noteCommitted("item_3u");
    book.noteAsked("item_3u", "Lost?");
    book.noteOver(["item_1"]);
    book.noteItem("resp_3", "item_3");
    expect(book.turns).toMatchObject([
      { sound: "heard", cutOff: true, over: true },
      { sound: "missed", cutOff: false, over: true },
      { sound: "awaited", asked: "", over: false },
    ]);
  });

  it("forgets the oldest turn at its limit", () => {
    const book = new TurnBook();
    for (let turn = 1; turn <= 301; turn++) book.noteReport(report(`resp_${turn}`, turn));
    expect(book.turns).toHaveLength(300);
    expect(book.turns[0]!.number).toBe(2);
  });
});

describe("quantile", () => {
  it("is the nearest rank, and null of nothing", () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile([5], 0.95)).toBe(5);
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([quantile(hundred, 0.5), quantile(hundred, 0.95), quantile(hundred, 1)]).toEqual([50, 95, 100]);
  });
});

describe("figures", () => {
  it("are written with their units, a real minus, and a dash for what is not known", () => {
    expect([secondsOf(842), secondsOf(null)]).toEqual(["0.84", "–"]);
    expect([millisecondsOf(12.34), millisecondsOf(840.4), millisecondsOf(null)]).toEqual([
      "12.3 ms",
      "840 ms",
      "–",
    ]);
    expect([minutesOf(0), minutesOf(187_400)]).toEqual(["0:00", "3:07"]);
    expect([decibelsOf(-38.2), decibelsOf(null)]).toEqual(["−38 dB", "–"]);
  });
});

describe("writeTranscript", () => {
  it("writes both sides, the cuts, the line between two conversations, and the measures", () => {
    const book = new TurnBook();
    book.noteCommitted("item_1");
    book.noteAsked("item_1", "a | b?");
    book.noteItem("resp_1", "item_2");
    book.noteAnswered("item_2", 842);
    book.noteReport(report("resp_1", 40));
    const atMs = Date.UTC(2030, 0, 31, 12);
    const turn = { itemId: "item_1", final: true };
    const text = writeTranscript(
      [
        { atMs, turn: { ...turn, speaker: "user", text: "a | b?", interrupted: false } },
        { atMs, turn: { ...turn, speaker: "reply", text: "Both, in", interrupted: true } },
        { atMs, divider: "A new conversation." },
        { atMs, turn: { ...turn, speaker: "reply", text: "Again, in", interrupted: true, cutOff: true } },
        { atMs, turn: { ...turn, speaker: "reply", text: "", interrupted: true, cutOff: true } },
      ],
      book.turns,
      book.totals(),
      "en-GB",
    );
    expect(text).toContain("**You** (");
    expect(text).toMatch(/\*\*Parley\*\* \(.+\): Both, in — \*interrupted\*/);
    expect(text).toMatch(
      /\*\*Parley\*\* \(.+\): Again, in — \*cut off\*\n\n\*\*Parley\*\* \(.+\): \*cut off\*\n/,
    );
    expect(text).toContain("---\n\n*A new conversation.*");
    expect(text).toContain("| 1 | a \\| b? | 0.84 s | 800 ms | 40 ms |");
  });
});
