/** Mutant: the gate's lowest gain is 0 dB, so that it hands on what it gets. */
import { GateBank } from "../../../../workers/audio/gate-bank.ts";
import { markMutated } from "./mutants.ts";

const { setFloor } = GateBank.prototype;
if (typeof setFloor !== "function") throw new Error("the mutant doesn't fit GateBank any more");
GateBank.prototype.setFloor = function (lane: number): void {
  setFloor.call(this, lane, 0);
};

markMutated();
