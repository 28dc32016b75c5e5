import { describe, expect, it } from "vitest";
import { describeVendor } from "./vendor-contract.ts";
import { ttsVendors } from "./vendors-tts.ts";

for (const vendor of ttsVendors) describeVendor(vendor);

describe("the contract of tts vendors", () => {
  it("runs over all of them", async () => {
    const { vendorRows } = await import("../../../gateway/config-vendors.ts");
    const named = vendorRows.filter(({ stage }) => stage === "tts").map(({ name }) => name);
    expect([...new Set(ttsVendors.map(({ name }) => name))].sort()).toEqual(named.sort());
  });
});
