/** Who comes in: every route against every kind of caller, HTTP and WebSocket alike. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Glass } from "./glass-door.ts";
import { ask, buildGlass, codeOf, handshake } from "./glass-door.ts";

const key = "right-key-0123456789";
const json = { "Content-Type": "application/json" };

interface Route {
  name: string;
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Status for who is let in. */
  ok: number;
  access: "open" | "place" | "key";
  wrongMethod: string;
  allow: string;
}

const routes: Route[] = [
  {
    name: "health",
    method: "GET",
    path: "/healthz",
    ok: 200,
    access: "open",
    wrongMethod: "POST",
    allow: "GET, HEAD",
  },
  {
    name: "readiness",
    method: "GET",
    path: "/readyz",
    ok: 200,
    access: "open",
    wrongMethod: "DELETE",
    allow: "GET, HEAD",
  },
  {
    name: "metrics",
    method: "GET",
    path: "/metrics",
    ok: 200,
    access: "key",
    wrongMethod: "POST",
    allow: "GET, HEAD",
  },
  {
    name: "client secrets",
    method: "POST",
    path: "/v1/realtime/client_secrets",
    headers: json,
    body: "{}",
    ok: 200,
    access: "key",
    wrongMethod: "GET",
    allow: "POST",
  },
  {
    name: "realtime without upgrade",
    method: "GET",
    path: "/v1/realtime",
    ok: 426,
    access: "key",
    wrongMethod: "PUT",
    allow: "GET",
  },
  {
    name: "realtime",
    method: "GET",
    path: "/v1/realtime?model=x",
    headers: handshake,
    ok: 101,
    access: "key",
    wrongMethod: "POST",
    allow: "GET",
  },
  {
    name: "the page",
    method: "GET",
    path: "/",
    ok: 200,
    access: "place",
    wrongMethod: "POST",
    allow: "GET, HEAD",
  },
  {
    name: "an asset",
    method: "GET",
    path: "/app.js",
    ok: 200,
    access: "place",
    wrongMethod: "PUT",
    allow: "GET, HEAD",
  },
  {
    name: "nothing",
    method: "GET",
    path: "/nothing/here",
    ok: 404,
    access: "place",
    wrongMethod: "PATCH",
    allow: "GET, HEAD",
  },
];

describe("the door with keys", () => {
  let glass: Glass;
  beforeAll(async () => {
    glass = await buildGlass({
      apiKeys: [
        { name: "other", key: "another-key-987654321" },
        { name: "acme", key },
      ],
      allowedOrigins: ["https://app.example"],
      allowedHosts: ["voice.example"],
    });
  });
  afterAll(() => glass.close());

  const send = (route: Route, headers: Record<string, string>, method = route.method) =>
    ask(
      glass.port,
      method,
      route.path,
      { ...route.headers, ...headers },
      method === "GET" ? undefined : route.body,
    );
  const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });

  describe.each(routes)("$name ($method $path)", (route) => {
    it("asks for a key where it should", async () => {
      const answer = await send(route, {});
      if (route.access !== "key") return expect(answer.status).toBe(route.ok);
      expect([answer.status, codeOf(answer)]).toEqual([401, "missing_api_key"]);
      expect(answer.headers["www-authenticate"]).toBe("Bearer");
    });

    it.each(["wrong-key-0123456789", `${key}x`, key.slice(0, -1), key.toUpperCase(), "ek_nonsense.nonsense"])(
      "refuses the wrong key %s",
      async (wrong) => {
        const answer = await send(route, bearer(wrong));
        if (route.access !== "key") return expect(answer.status).toBe(route.ok);
        expect([answer.status, codeOf(answer)]).toEqual([401, "invalid_api_key"]);
        expect(answer.text).not.toContain(wrong);
      },
    );

    it("lets the right key in", async () => {
      expect((await send(route, bearer(key))).status).toBe(route.ok);
    });

    it.each(["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"])(
      "turns the foreign origin %s away, also with the right key",
      async (origin) => {
        const answer = await send(route, { ...bearer(key), Origin: origin });
        if (route.access === "open") return expect(answer.status).toBe(route.ok);
        expect([answer.status, codeOf(answer)]).toEqual([403, "origin_not_allowed"]);
        expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
      },
    );

    it("lets its own and a listed origin in, and answers CORS to the listed one only", async () => {
      const own = await send(route, { ...bearer(key), Origin: `http://127.0.0.1:${glass.port}` });
      expect(own.status).toBe(route.ok);
      expect(own.headers["access-control-allow-origin"]).toBeUndefined();
      const listed = await send(route, { ...bearer(key), Origin: "https://app.example" });
      expect(listed.status).toBe(route.ok);
      if (route.ok !== 101) {
        expect(listed.headers["access-control-allow-origin"]).toBe("https://app.example");
        expect(listed.headers.vary).toBe("Origin");
      }
    });

    it.each([
      "evil.example",
      "voice.example.evil.example",
      "127.0.0.1.evil.example",
      "evil.example/voice.example",
    ])("turns the foreign host %s away, also with the right key", async (host) => {
      const answer = await send(route, { ...bearer(key), Host: host });
      if (route.access === "open") return expect(answer.status).toBe(route.ok);
      expect([answer.status, codeOf(answer)]).toEqual([421, "host_not_allowed"]);
    });

    it("knows its listed name and this machine's", async () => {
      for (const host of ["voice.example", "voice.example:8443", "localhost:1", "[::1]:8080"]) {
        expect((await send(route, { ...bearer(key), Host: host })).status, host).toBe(route.ok);
      }
    });

    it("refuses the wrong method with what it takes instead", async () => {
      const answer = await send(route, bearer(key), route.wrongMethod);
      expect([answer.status, codeOf(answer)]).toEqual([405, "method_not_allowed"]);
      expect(answer.headers.allow).toBe(route.allow);
    });
  });

  it("takes a key from a browser's WebSocket as a subprotocol, and chooses realtime", async () => {
    const offer = (text: string) => ({
      ...handshake,
      "Sec-WebSocket-Protocol": `realtime, openai-insecure-api-key.${text}`,
    });
    const good = await ask(glass.port, "GET", "/v1/realtime", offer(key));
    expect([good.status, good.headers["sec-websocket-protocol"]]).toEqual([101, "realtime"]);
    expect(glass.contexts.at(-1)).toMatchObject({
      tenant: "acme",
      keyName: "acme",
      clientSecretSession: null,
      remoteAddress: "127.0.0.1",
    });
    const bad = await ask(glass.port, "GET", "/v1/realtime", offer("wrong-key-0123456789"));
    expect([bad.status, codeOf(bad)]).toEqual([401, "invalid_api_key"]);
  });

  it("does not take a key's subprotocol for HTTP, nor a key in the query", async () => {
    expect(
      (
        await ask(glass.port, "GET", "/metrics", {
          "Sec-WebSocket-Protocol": `openai-insecure-api-key.${key}`,
        })
      ).status,
    ).toBe(401);
    expect((await ask(glass.port, "GET", `/metrics?api_key=${key}`)).status).toBe(401);
  });

  it("is not fooled by another spelling of a path", async () => {
    for (const path of ["/%6Detrics", "/metrics/", "//metrics", "/x/../metrics", "/METRICS"]) {
      const answer = await ask(glass.port, "GET", path);
      expect([401, 404, 400], path).toContain(answer.status);
      expect(answer.text).not.toContain("parley_sockets");
    }
  });

  it("answers a preflight of a listed origin without a key, and of no other", async () => {
    const preflight = (origin: string, path = "/v1/realtime/client_secrets") =>
      ask(glass.port, "OPTIONS", path, {
        Origin: origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
      });
    const listed = await preflight("https://app.example");
    expect(listed.status).toBe(204);
    expect(listed.headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type",
    });
    const foreign = await preflight("https://evil.example");
    expect([foreign.status, foreign.headers["access-control-allow-origin"]]).toEqual([403, undefined]);
    expect((await preflight("https://app.example", "/nothing")).status).toBe(404);
  });
});

describe("the door without keys", () => {
  let glass: Glass;
  beforeAll(async () => {
    glass = await buildGlass();
  });
  afterAll(() => glass.close());

  it.each(routes)(
    "lets this machine use $name, with whatever key a client insists on",
    async ({ method, path, headers, body, ok }) => {
      expect((await ask(glass.port, method, path, { ...headers }, body)).status).toBe(ok);
      expect(
        (await ask(glass.port, method, path, { ...headers, Authorization: "Bearer whatever" }, body)).status,
      ).toBe(ok);
    },
  );

  it.each(routes)(
    "keeps a page that points its own name here from $name (DNS rebinding)",
    async ({ method, path, headers, body, ok, access }) => {
      const host = `evil.example:${glass.port}`;
      const answer = await ask(
        glass.port,
        method,
        path,
        { ...headers, Host: host, Origin: `http://${host}` },
        body,
      );
      if (access === "open") return expect(answer.status).toBe(ok);
      expect([answer.status, codeOf(answer)]).toEqual([421, "host_not_allowed"]);
    },
  );

  it("keeps foreign pages from opening a WebSocket", async () => {
    const answer = await ask(glass.port, "GET", "/v1/realtime", {
      ...handshake,
      Origin: "http://localhost:9",
    });
    expect([answer.status, codeOf(answer)]).toEqual([403, "origin_not_allowed"]);
  });

  it("names the tenant local", async () => {
    await ask(glass.port, "GET", "/v1/realtime", handshake);
    expect(glass.contexts.at(-1)).toMatchObject({ tenant: "local", keyName: "local" });
  });
});

describe("the door of a gateway that serves its network with its own certificate", () => {
  const ownNames = ["desk.local", "192.168.1.5", "fd00::5"];
  let glass: Glass;
  beforeAll(async () => {
    glass = await buildGlass({
      apiKeys: [{ name: "acme", key }],
      allowedHosts: ["voice.example"],
      publicUrl: "https://talk.example",
      ownNames,
    });
  });
  afterAll(() => glass.close());

  it.each([
    "192.168.1.5:8443",
    "[fd00::5]:8443",
    "[fd00:0::5]",
    "desk.local",
    "DESK.local:1",
    "talk.example",
  ])("knows the machine as %s", async (host) => {
    expect((await ask(glass.port, "GET", "/", { Host: host })).status).toBe(200);
    expect(
      (await ask(glass.port, "GET", "/", { Host: host, Origin: new URL(`http://${host}`).origin })).status,
    ).toBe(200);
  });

  it.each(["192.168.1.6", "evil.example", "192.168.1.5.evil.example", "desk.local.evil.example", "fd00::5"])(
    "does not know it as %s",
    async (host) => {
      const answer = await ask(glass.port, "GET", "/", { Host: host });
      expect([answer.status, codeOf(answer)]).toEqual([421, "host_not_allowed"]);
    },
  );

  it("lets its page in by the public address, whatever a proxy in between says", async () => {
    const headers = { ...handshake, Host: "talk.example", Authorization: `Bearer ${key}` };
    const come = (origin: string) => ask(glass.port, "GET", "/v1/realtime", { ...headers, Origin: origin });
    expect((await come("https://talk.example")).status).toBe(101);
    expect(codeOf(await come("https://talk.example:444"))).toBe("origin_not_allowed");
  });

  it("keeps a foreign page out that found the address", async () => {
    const answer = await ask(glass.port, "GET", "/v1/realtime", {
      ...{ ...handshake, Host: "192.168.1.5:8443", Origin: "https://evil.example" },
      Authorization: `Bearer ${key}`,
    });
    expect([answer.status, codeOf(answer)]).toEqual([403, "origin_not_allowed"]);
  });
});
