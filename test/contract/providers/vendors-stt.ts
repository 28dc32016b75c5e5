/** Recognisers' vendors under the contract. */
import type { SttRequest } from "../../../gateway/providers/provider.ts";
import { createDeepgramStt } from "../../../gateway/providers/stt/deepgram.ts";
import { createGoogleStt } from "../../../gateway/providers/stt/google.ts";
import { createOpenAiStt } from "../../../gateway/providers/stt/openai.ts";
import type { DrillWorld } from "../../../loadtest/standins/world.ts";
import { rangeOf } from "../../providers/engines.ts";
import { say, spoken } from "../../providers-stt/vendors.ts";
import type { AnyVendorCase, Expectation } from "./vendors.ts";
import { defineVendor } from "./vendors.ts";

const request = async (world: DrillWorld): Promise<SttRequest> => {
  const pcm = await say(world, "The harbour sleeps behind the golden lantern");
  return { audio: rangeOf(spoken(pcm).pieces) };
};
const language = "en-US";
const noFilter = "a live recogniser filters nothing";
const sdkReads = "the SDK's protobuf reads cut characters as others, and says nothing";
const unreachable: Expectation = { blame: "vendor", code: "provider_unavailable" };

export const sttVendors: readonly AnyVendorCase[] = [
  defineVendor({
    ...{ name: "google", stage: "stt", standin: "google-stt", request },
    cannot: { content_filter: noFilter, truncated_utf8: sdkReads },
    // UNAVAILABLE is both: it can't be reached, and it has too much to do.
    expected: { unavailable: unreachable },
    // Its key is a file, which the stand-in does not ask for.
    create: (given) => createGoogleStt({ ...given, apiKey: "", model: "", language }),
  }),
  defineVendor({
    ...{ name: "deepgram", stage: "stt", standin: "deepgram", request },
    cannot: { content_filter: noFilter },
    create: (given) => createDeepgramStt({ ...given, model: "", language }),
  }),
  defineVendor({
    ...{ name: "openai", stage: "stt", standin: "openai-stt", request, cannot: {} },
    create: (given) => createOpenAiStt({ ...given, model: "whisper-1", language }),
  }),
];
