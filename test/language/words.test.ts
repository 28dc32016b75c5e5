import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForMore, asksToRepeat, isNo, isYes, leansOnContext } from "../../gateway/language/cues.ts";
import { extractTerms, isOneEditApart, normalise, stem } from "../../gateway/language/words.ts";

describe("words", () => {
  it("normalises what recognisers write", () => {
    expect(normalise("What’s  PARLEY 2.0, and who's it for?")).toBe("what is parley 2.0 and who is it for");
    expect(normalise("I can't, won't; don't!")).toBe("i can not will not do not");
    expect(normalise("1,000 cafés")).toBe("1000 cafes");
    expect(normalise(" ?! ")).toBe("");
  });

  it("lets the forms of a word meet", () => {
    for (const forms of [
      ["listen", "listens", "listening", "listened"],
      ["vendor", "vendors"],
      ["party", "parties"],
      ["interrupt", "interrupting", "interrupted"],
      ["stop", "stopped", "stopping"],
      ["licence", "licences"],
    ]) {
      expect(new Set(forms.map(stem)).size, forms.join()).toBe(1);
    }
  });

  it("leaves stop words out of the terms", () => {
    expect(extractTerms("What is the latency of the gateway?")).toEqual([stem("latency"), stem("gateway")]);
  });

  it("knows one letter more, less, other or swapped", () => {
    for (const [a, b] of [
      ["parley", "parlay"],
      ["parley", "parly"],
      ["parley", "paarley"],
      ["parley", "palrey"],
      ["a", "a"],
    ]) {
      expect(isOneEditApart(a!, b!), `${a} ${b}`).toBe(true);
    }
    for (const [a, b] of [
      ["parley", "barely"],
      ["parley", "party"],
      ["abcd", "badc"],
    ]) {
      expect(isOneEditApart(a!, b!), `${a} ${b}`).toBe(false);
    }
  });

  it("is symmetric and takes any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (a, b) => {
        expect(isOneEditApart(a, b)).toBe(isOneEditApart(b, a));
        expect(normalise(normalise(a))).toBe(normalise(a));
        for (const term of extractTerms(a)) expect(term).not.toBe("");
      }),
    );
  });
});

describe("cues", () => {
  it.each(["tell me more", "yes tell me more please", "go on", "what else", "more about that"])(
    "hears that %j asks for more",
    (plain) => {
      expect(asksForMore(plain)).toBe(true);
      expect(asksToRepeat(plain)).toBe(false);
    },
  );
  it.each([
    "pardon",
    "what",
    "say that again",
    "sorry what did you say",
    "can you repeat that please",
    "i did not catch that",
  ])("hears that %j asks to repeat", (plain) => {
    expect(asksToRepeat(plain)).toBe(true);
    expect(asksForMore(plain)).toBe(false);
  });
  it.each([
    "what is parley",
    "tell me more about the ledger and its spans",
    "what did you use",
    "again and again it fails",
  ])("takes %j for a question", (plain) => {
    expect(asksForMore(plain) || asksToRepeat(plain) || isYes(plain) || isNo(plain)).toBe(false);
  });
  it("hears yes, no and what leans on the question before", () => {
    expect([isYes("yes please"), isYes("sure"), isYes("yes what is it")]).toEqual([true, true, false]);
    expect([isNo("no thanks"), isNo("no what is it")]).toEqual([true, false]);
    expect([
      leansOnContext("and how is it measured"),
      leansOnContext("which audio formats are supported"),
    ]).toEqual([true, false]);
  });
});
