import { describe, expect, it } from "vitest";
import { parseConfig } from "../../gateway/config.ts";
import { greetingLines } from "../../gateway/supervisor-greeting.ts";

const keys = { PARLEY_API_KEYS: "me:0123456789abcdef" };
const names = {
  steady: ["localhost", "127.0.0.1", "::1", "desk", "192.168.1.5", "fd00::5"],
  passing: ["2001:db8::5"],
};
const certificate = { cert: "c", key: "k", fingerprint: "AB:CD", expiresAtMs: 0 };

function greet(env: Record<string, string>, own = false): string {
  const config = parseConfig(env);
  return greetingLines({ config, port: 8443, names, certificate: own ? certificate : null }).join("\n");
}

describe("what the supervisor says when Parley is up", () => {
  it("is one line for a gateway of this machine alone", () => {
    expect(greet({})).toBe("Parley is at http://127.0.0.1:8443/");
    expect(greet({ PARLEY_HOST: "::1" })).toBe("Parley is at http://[::1]:8443/");
  });

  it("names the addresses of the network, and what microphones need there", () => {
    const text = greet({ ...keys, PARLEY_HOST: "0.0.0.0" });
    expect(text).toContain("Parley is at http://localhost:8443/\n");
    expect(text).toContain("On your network: http://192.168.1.5:8443/\n");
    expect(text).toMatch(/microphones to https pages only .*PARLEY_TLS=self/);
    expect(greet({ ...keys, PARLEY_HOST: "192.168.1.5" })).toMatch(
      /at http:\/\/192\.168\.1\.5:8443\/\n.*PARLEY_TLS=self/,
    );
  });

  it("keeps quiet about microphones where https is there already", () => {
    const files = { PARLEY_TLS_CERT: "c.pem", PARLEY_TLS_KEY: "k.pem" };
    expect(greet({ ...keys, ...files, PARLEY_HOST: "0.0.0.0" })).not.toContain("microphones");
    const outside = { PARLEY_HOST: "0.0.0.0", PARLEY_PUBLIC_URL: "https://voice.example" };
    expect(greet({ ...keys, ...outside })).not.toContain("microphones");
    expect(greet({ ...keys, ...outside })).toContain("From outside: https://voice.example");
  });

  it("prepares for the browser's warning, with the fingerprint to compare", () => {
    const text = greet({ ...keys, PARLEY_TLS: "self", PARLEY_HOST: "::" }, true);
    expect(text).toContain("Parley is at https://localhost:8443/\n");
    expect(text).toContain(
      "On your network: https://192.168.1.5:8443/  https://[fd00::5]:8443/  https://[2001:db8::5]:8443/\n",
    );
    expect(text).toContain("browsers warn of it the first time");
    expect(text).toMatch(/SHA-256 fingerprint is AB:CD$/);
    expect(text).not.toContain("microphones");
  });
});
