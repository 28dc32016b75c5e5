/** Who counts as whom, and how many may be inside. */
import { describe, expect, it } from "vitest";
import { ask, buildGlass, codeOf, handshake } from "./glass-door.ts";

const key = "right-key-0123456789";

describe("behind a proxy", () => {
  it("believes as many entries of X-Forwarded-For as proxies are trusted, and X-Forwarded-Proto", async () => {
    const glass = await buildGlass({ apiKeys: [{ name: "acme", key }], trustedProxies: 1 });
    const answer = await ask(glass.port, "GET", "/v1/realtime", {
      ...handshake,
      Host: "voice.example",
      Origin: "https://voice.example",
      Authorization: `Bearer ${key}`,
      "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
      "X-Forwarded-Proto": "https",
    });
    expect(answer.status).toBe(101);
    expect(glass.contexts[0]!.remoteAddress).toBe("203.0.113.7");
    await glass.close();
  });

  it("believes neither where none is trusted", async () => {
    const glass = await buildGlass({ apiKeys: [{ name: "acme", key }] });
    const headers = {
      ...handshake,
      Host: "voice.example",
      Authorization: `Bearer ${key}`,
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Proto": "https",
    };
    expect((await ask(glass.port, "GET", "/v1/realtime", headers)).status).toBe(101);
    expect(glass.contexts[0]!.remoteAddress).toBe("127.0.0.1");
    const foreign = await ask(glass.port, "GET", "/v1/realtime", {
      ...headers,
      Origin: "https://voice.example",
    });
    expect(codeOf(foreign)).toBe("origin_not_allowed");
    await glass.close();
  });
});

describe("a place for a session", () => {
  it("is refused while the audio thread is down, and when all are taken, whatever the address asks for", async () => {
    let healthy = false;
    const glass = await buildGlass({ maxSessions: 1, audioHealthy: () => healthy });
    const come = (query = "") => ask(glass.port, "GET", `/v1/realtime${query}`, handshake);
    const down = await come();
    expect([down.status, codeOf(down), down.headers["retry-after"]]).toEqual([
      503,
      "audio_front_end_down",
      "1",
    ]);
    healthy = true;
    glass.endpoint.activeSessions = 1;
    expect(codeOf(await come())).toBe("too_many_sessions");
    expect(codeOf(await come("?resume=token&last_seq=3"))).toBe("too_many_sessions");
    glass.endpoint.activeSessions = 0;
    expect((await come()).status).toBe(101);
    await glass.close();
  });

  it.each([
    ["too_many_sessions", 503],
    ["too_many_connections", 429],
    ["draining", 503],
    ["audio_front_end_down", 503],
  ] as const)("is asked for by plain HTTP and refused with %s, as the handshake is", async (code, status) => {
    const glass = await buildGlass({ http: { notReadyBecause: () => code } });
    const answer = await ask(glass.port, "GET", "/v1/realtime?model=x");
    expect([answer.status, codeOf(answer), answer.headers["retry-after"]]).toEqual([status, code, "1"]);
    await glass.close();
  });

  it("is not found at another path", async () => {
    const glass = await buildGlass();
    const answer = await ask(glass.port, "GET", "/v1/realtimes", handshake);
    expect([answer.status, codeOf(answer)]).toEqual([404, "not_found"]);
    await glass.close();
  });
});
