import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { lanAddresses, namesReached, readHostNames } from "../gateway/host-names.ts";

const info = (address: string, internal = false) =>
  ({ address, internal, family: address.includes(":") ? "IPv6" : "IPv4" }) as NetworkInterfaceInfo;

const interfaces = {
  lo: [info("127.0.0.1", true), info("::1", true)],
  eth0: [info("fe80::1"), info("2001:DB8::5"), info("fd00::5"), info("192.168.1.5")],
  wlan0: [info("10.0.0.7"), info("192.168.1.5")],
  gone: undefined,
};

describe("the names of a machine", () => {
  it("are loopback, its own names, its addresses, and the public one; what changes daily stands apart", () => {
    expect(
      readHostNames({ hostname: "Desk.home.example", interfaces, publicUrl: "https://Voice.example:8443/" }),
    ).toEqual({
      steady: [
        ...["localhost", "127.0.0.1", "::1"],
        ...["desk.home.example", "desk", "desk.local"],
        ...["192.168.1.5", "10.0.0.7", "fd00::5", "voice.example"],
      ],
      passing: ["2001:db8::5"],
    });
  });

  it("leave out what is no name, and take addresses for a public URL", () => {
    const { steady } = readHostNames({
      hostname: "büro 1",
      interfaces: {},
      publicUrl: "https://[2001:db8::9]",
    });
    expect(steady).toEqual(["localhost", "127.0.0.1", "::1", "2001:db8::9"]);
  });

  it("are bounded where a machine has hundreds of addresses", () => {
    const many = Array.from({ length: 300 }, (_, index) => info(`10.1.${index >> 8}.${index & 255}`));
    expect(lanAddresses({ many })).toHaveLength(64);
  });

  it.each([
    ["127.0.0.1", []],
    ["localhost", []],
    ["0.0.0.0", ["desk", "192.168.1.5"]],
    ["::", ["desk", "192.168.1.5", "fd00::5"]],
    ["192.168.1.5", ["192.168.1.5", "desk"]],
  ])("reach a gateway on %s by %j", (host, reached) => {
    expect(namesReached(host, ["localhost", "127.0.0.1", "::1", "desk", "192.168.1.5", "fd00::5"])).toEqual(
      reached,
    );
  });
});
