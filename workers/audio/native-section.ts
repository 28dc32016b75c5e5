/**
 * Where the audio thread is inside native code. A thread that is terminated there takes the whole process along (the
 * binding throws where nothing can catch), so it is condemned and ends itself as soon as it is out.
 */
import { header } from "./layout.ts";

const outside = 0;
const inside = 1;
const condemned = 2;

/** Before the thread is started: loading the binding is native code, too. */
export function beginInside(control: Int32Array): void {
  Atomics.store(control, header.native, inside);
}

/** The thread's: before native code. Ends the thread if it was condemned. */
export function enterNative(control: Int32Array): void {
  if (Atomics.compareExchange(control, header.native, outside, inside) !== outside) process.exit(1);
}

/** The thread's: after native code. Ends the thread if it was condemned meanwhile. */
export function leaveNative(control: Int32Array): void {
  if (Atomics.compareExchange(control, header.native, inside, outside) !== inside) process.exit(1);
}

/**
 * The keeper's: the thread shall do nothing more.
 *
 * @returns whether it may be terminated at once; otherwise it ends itself
 */
export function condemn(control: Int32Array): boolean {
  return Atomics.exchange(control, header.native, condemned) === outside;
}
