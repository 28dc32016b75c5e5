import { describe, expect, it } from "vitest";
import { describeVendor } from "./vendor-contract.ts";
import { aiVendors } from "./vendors-ai.ts";

for (const vendor of aiVendors) describeVendor(vendor);

describe("the contract of ai vendors", () => {
  it("runs over all of them", async () => {
    const { vendorRows } = await import("../../../gateway/config-vendors.ts");
    const named = vendorRows.filter(({ stage }) => stage === "ai").map(({ name }) => name);
    expect(aiVendors.map(({ name }) => name).sort()).toEqual(named.sort());
  });
});
