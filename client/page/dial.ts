/** The ring around the button: a voice's last second and a half runs down both of its sides. */

export type Voice = "microphone" | "reply";

const tickCount = 64;
/** One step of the history. */
const stepMs = 45;
/** Speech lies around 0.02 to 0.2; the root spreads that over the ring. */
const gain = 1.9;
const restingRatio = 0.06;

export interface DialParts {
  canvas: HTMLCanvasElement;
  /** `role="meter"`. */
  meter: HTMLElement;
}

export class Dial {
  readonly #parts: DialParts;
  /** Newest first; one for each pair of ticks, left and right. */
  readonly #history = new Float32Array(tickCount / 2);
  readonly #isReply = new Uint8Array(tickCount / 2);
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #peak = 0;
  #voice: Voice = "microphone";
  #stepAtMs = 0;
  #frame = 0;
  #meterAtMs = 0;
  #on = false;

  constructor(parts: DialParts) {
    this.#parts = parts;
    new ResizeObserver(() => this.#schedule()).observe(parts.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#schedule());
  }

  /** Whose voice is heard from now on. */
  set voice(voice: Voice) {
    this.#voice = voice;
  }

  /** @param ratio - root mean square, 0 to 1 */
  hear(voice: Voice, ratio: number): void {
    this.#on = true;
    const shown = Math.min(1, Math.sqrt(Math.max(0, ratio)) * gain);
    if (voice === "microphone") this.#showMeter(shown);
    if (voice !== this.#voice) return;
    this.#peak = Math.max(this.#peak, shown);
    this.#schedule();
  }

  /** The call is over. */
  rest(): void {
    this.#on = false;
    this.#voice = "microphone";
    this.#peak = 0;
    this.#showMeter(0);
    this.#parts.meter.setAttribute("aria-valuetext", "off");
    this.#schedule();
  }

  #showMeter(ratio: number): void {
    const { meter } = this.#parts;
    meter.style.setProperty("--level", ratio.toFixed(2));
    // Twice a second is enough for ears.
    const now = performance.now();
    if (now - this.#meterAtMs < 500) return;
    this.#meterAtMs = now;
    const percent = Math.round(ratio * 100);
    meter.setAttribute("aria-valuenow", String(percent));
    meter.setAttribute("aria-valuetext", `${percent} percent`);
  }

  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      const moving = this.#step(now);
      this.#draw();
      if (moving) this.#schedule();
    });
  }

  /** @returns whether there is something left that moves */
  #step(now: number): boolean {
    if (now - this.#stepAtMs >= stepMs) {
      this.#stepAtMs = now;
      if (this.#still.matches) this.#history.fill(this.#peak);
      else this.#history.copyWithin(1, 0, this.#history.length - 1);
      this.#isReply.copyWithin(1, 0, this.#isReply.length - 1);
      this.#history[0] = this.#peak;
      this.#isReply[0] = this.#voice === "reply" ? 1 : 0;
      this.#peak = 0;
    }
    return this.#on || this.#history.some((ratio) => ratio > 0.001);
  }

  #draw(): void {
    const { canvas } = this.#parts;
    const size = canvas.clientWidth;
    if (size === 0) return;
    const pixels = Math.round(size * devicePixelRatio);
    if (canvas.width !== pixels) {
      canvas.width = pixels;
      canvas.height = pixels;
    }
    const context = canvas.getContext("2d")!;
    const style = getComputedStyle(canvas);
    const [accent, ink, faint] = ["--accent", "--ink", "--faint"].map((name) =>
      style.getPropertyValue(name).trim(),
    );
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, size, size);
    context.translate(size / 2, size / 2);
    context.lineCap = "round";
    context.lineWidth = 2.5;
    const inner = size * 0.36;
    const longest = size * 0.125;
    for (let tick = 0; tick < tickCount; tick++) {
      const at = tick < tickCount / 2 ? tick : tickCount - 1 - tick;
      const level = this.#history[at]!;
      const angle = ((tick + 0.5) / tickCount) * 2 * Math.PI - Math.PI / 2;
      const reach = inner + Math.max(restingRatio, level) * longest;
      context.strokeStyle = level < 0.03 ? faint! : this.#isReply[at] === 1 ? accent! : ink!;
      context.beginPath();
      context.moveTo(Math.cos(angle) * inner, Math.sin(angle) * inner);
      context.lineTo(Math.cos(angle) * reach, Math.sin(angle) * reach);
      context.stroke();
    }
  }
}
