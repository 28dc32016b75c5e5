import { describe, expect, it } from "vitest";
import { describeVendor } from "./vendor-contract.ts";
import { sttVendors } from "./vendors-stt.ts";

for (const vendor of sttVendors) describeVendor(vendor);

describe("the contract of stt vendors", () => {
  it("runs over all of them", async () => {
    const { vendorRows } = await import("../../../gateway/config-vendors.ts");
    const named = vendorRows.filter(({ stage }) => stage === "stt").map(({ name }) => name);
    expect(sttVendors.map(({ name }) => name).sort()).toEqual(named.sort());
  });
});
