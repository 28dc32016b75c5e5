import { describeProviderContract } from "../contract/providers/provider-contract.ts";
import { rangeOf, samplesFrom } from "../providers/engines.ts";
import { openBench, say, vendorNames } from "./vendors.ts";

const sentence = "The train to the city leaves every twenty minutes.";

for (const name of vendorNames) {
  describeProviderContract(`${name}'s recogniser`, async () => {
    const bench = await openBench(name);
    const pcm = await say(bench.world, sentence);
    const pieces = [...samplesFrom(0, pcm)];
    return {
      provider: bench.stt,
      request: { audio: rangeOf([...pieces, { type: "end", atSample: pcm.length }]) },
      openRequest: { audio: rangeOf([...pieces, { type: "pause", lastVoicedSample: pcm.length - 3200 }]) },
      inFlight: () => bench.stt.inFlight,
      close: () => bench.close(),
    };
  });
}
