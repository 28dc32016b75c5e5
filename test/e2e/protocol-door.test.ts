import { describe, expect, test } from "vitest";
import { HandshakeRefused, RealtimeClient } from "../support/realtime-client.ts";
import { useScriptedGateway } from "./scripted-gateway.ts";

const key = "test-key-0123456789abcdef";
const gateway = useScriptedGateway({
  env: { PARLEY_API_KEYS: `alice:${key}`, PARLEY_ALLOWED_ORIGINS: "https://app.example.com" },
});
const bearer = { Authorization: `Bearer ${key}` };

async function refusal(
  options: Parameters<typeof RealtimeClient.open>[1],
): Promise<{ status: number; code: string }> {
  try {
    (await RealtimeClient.open(gateway().wsUrl, options)).close();
  } catch (error) {
    if (error instanceof HandshakeRefused)
      return { status: error.status, code: JSON.parse(error.body).error.code };
    throw error;
  }
  throw new Error("it was let in");
}

describe("the door", () => {
  test("lets in who brings the key in the header", async () => {
    const client = await RealtimeClient.session(gateway().wsUrl, null, { headers: bearer });
    await client.probe();
    client.close();
  });

  test("lets in who brings the key as a subprotocol, and chooses realtime", async () => {
    const subprotocols = ["realtime", `openai-insecure-api-key.${key}`];
    const client = await RealtimeClient.session(gateway().wsUrl, null, { subprotocols });
    expect(client.socket.protocol).toBe("realtime");
    client.close();
  });

  test("refuses who brings no key, or a wrong one, before the handshake, by code", async () => {
    expect(await refusal({})).toEqual({ status: 401, code: "missing_api_key" });
    expect(await refusal({ headers: { Authorization: "Bearer wrong" } })).toEqual({
      status: 401,
      code: "invalid_api_key",
    });
    const subprotocols = ["realtime", "openai-insecure-api-key.wrong"];
    expect(await refusal({ subprotocols })).toEqual({ status: 401, code: "invalid_api_key" });
  });

  test("refuses a browser whose origin is not allowed, and lets in one that is", async () => {
    expect(await refusal({ headers: { ...bearer, Origin: "https://evil.example" } })).toEqual({
      status: 403,
      code: "origin_not_allowed",
    });
    const client = await RealtimeClient.session(gateway().wsUrl, null, {
      headers: { ...bearer, Origin: "https://app.example.com" },
    });
    client.close();
  });

  test("mints a client secret that opens a session as it was configured", async () => {
    const answer = await fetch(`${gateway().url}v1/realtime/client_secrets`, {
      method: "POST",
      headers: { ...bearer, "Content-Type": "application/json" },
      body: JSON.stringify({
        expires_after: { anchor: "created_at", seconds: 60 },
        session: { type: "realtime", instructions: "As minted." },
      }),
    });
    expect(answer.status).toBe(200);
    const secret = (await answer.json()) as { value: string; expires_at: number; session: object };
    expect(secret.value).toMatch(/^ek_/);
    const subprotocols = ["realtime", `openai-insecure-api-key.${secret.value}`];
    const client = await RealtimeClient.open(gateway().wsUrl, { subprotocols });
    expect((await client.next("session.created")).session.instructions).toBe("As minted.");
    client.close();
    const again = await fetch(`${gateway().url}v1/realtime/client_secrets`, {
      method: "POST",
      headers: { Authorization: `Bearer ${secret.value}`, "Content-Type": "application/json" },
      body: "{}",
    });
    expect(again.status).toBeGreaterThanOrEqual(400);
  });

  test("refuses a tampered client secret", async () => {
    const answer = await fetch(`${gateway().url}v1/realtime/client_secrets`, {
      method: "POST",
      headers: bearer,
    });
    const { value } = (await answer.json()) as { value: string };
    const tampered = `${value.slice(0, -2)}${value.endsWith("AA") ? "BB" : "AA"}`;
    expect(await refusal({ headers: { Authorization: `Bearer ${tampered}` } })).toEqual({
      status: 401,
      code: "invalid_api_key",
    });
  });

  test("asks for an upgrade where plain HTTP comes, and knows no other path", async () => {
    const plain = await fetch(`${gateway().url}v1/realtime`, { headers: bearer });
    expect(plain.status).toBe(426);
    expect((await fetch(`${gateway().url}v1/nothing`, { headers: bearer })).status).toBe(404);
  });
});

describe("a gateway without keys", () => {
  const open = useScriptedGateway();

  test("refuses a foreign Host: a page cannot point its own name at localhost", async () => {
    await expect(
      RealtimeClient.open(open().wsUrl, { headers: { Host: "evil.example" } }),
    ).rejects.toMatchObject({ status: 421 });
  });

  test("refuses a foreign Origin", async () => {
    await expect(
      RealtimeClient.open(open().wsUrl, { headers: { Origin: "https://evil.example" } }),
    ).rejects.toMatchObject({ status: 403 });
  });
});
