import type { GateLevel } from "../client-events.ts";
import { decibelsOf } from "./figures.ts";
import { setText } from "./page-elements.ts";

export interface GatePictureParts {
  canvas: HTMLCanvasElement;
  in: HTMLElement;
  out: HTMLElement;
  noise: HTMLElement;
}

/** The picture's range. */
const lowestDb = -96;
const highestDb = -12;
const bandCount = 16;
/** Of what a band shows, so much stays at each new report (ten a second). */
const fallRatio = 0.55;
/** Figures are for reading: twice a second is enough. */
const figuresEvery = 5;
/** Probability of speech below which the sound counts as noise, and how fast its floor is followed. */
const quietRatio = 0.3;
const followRatio = 0.15;

/**
 * Sixteen bands of the microphone's sound: an outline as it came, filled as the gate let it through, and a dashed
 * line where each band lies while nobody speaks.
 */
export class GatePicture {
  readonly #parts: GatePictureParts;
  readonly #raw = new Float32Array(bandCount).fill(lowestDb);
  readonly #gated = new Float32Array(bandCount).fill(lowestDb);
  /** The raw bands while nobody speaks; null before that is known. */
  #floor: Float32Array | null = null;
  #reports = 0;
  #frame = 0;

  constructor(parts: GatePictureParts) {
    this.#parts = parts;
    new ResizeObserver(() => this.#schedule()).observe(parts.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#schedule());
  }

  show(level: GateLevel): void {
    smooth(this.#raw, level.rawBandsDb);
    smooth(this.#gated, level.gatedBandsDb);
    if (level.speechRatio < quietRatio) this.#followFloor(level.rawBandsDb);
    this.#reports++;
    if (this.#reports % figuresEvery === 1) this.#tell(level);
    this.#schedule();
  }

  /** No sound comes any more. */
  rest(): void {
    this.#raw.fill(lowestDb);
    this.#gated.fill(lowestDb);
    this.#floor = null;
    this.#reports = 0;
    for (const part of [this.#parts.in, this.#parts.out, this.#parts.noise]) setText(part, "–");
    this.#parts.canvas.setAttribute(
      "aria-label",
      "Sixteen bands of sound, before and after the noise gate. Nothing to show now.",
    );
    this.#schedule();
  }

  #followFloor(bandsDb: readonly number[] | null): void {
    if (bandsDb === null) return;
    this.#floor ??= Float32Array.from(bandsDb);
    bandsDb.forEach((db, band) => {
      this.#floor![band]! += followRatio * (db - this.#floor![band]!);
    });
  }

  #tell({ rawDb, gatedDb, noiseDb }: GateLevel): void {
    setText(this.#parts.in, decibelsOf(rawDb));
    setText(this.#parts.out, decibelsOf(gatedDb));
    setText(this.#parts.noise, decibelsOf(noiseDb));
    const label = `Sixteen bands of sound, before and after the noise gate: ${decibelsOf(rawDb)} in, ${decibelsOf(gatedDb)} out.`;
    this.#parts.canvas.setAttribute("aria-label", label);
  }

  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const { canvas } = this.#parts;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const scale = devicePixelRatio;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d")!;
    const style = getComputedStyle(canvas);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const y = (db: number): number =>
      height -
      1 -
      ((Math.max(lowestDb, Math.min(highestDb, db)) - lowestDb) / (highestDb - lowestDb)) * (height - 4);
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    for (const db of [-30, -50, -70]) line(context, Math.round(y(db)) + 0.5, width);
    line(context, height - 0.5, width);
    const step = width / bandCount;
    const barWidth = Math.max(3, Math.floor(step) - 5);
    for (let band = 0; band < bandCount; band++) {
      const left = Math.round(band * step + (step - barWidth) / 2);
      const rawTop = Math.round(y(this.#raw[band]!));
      const gatedTop = Math.round(y(this.#gated[band]!));
      if (rawTop < height - 2) {
        context.strokeStyle = colour("--control");
        context.strokeRect(left + 0.5, rawTop + 0.5, barWidth - 1, height - rawTop);
      }
      context.fillStyle = colour("--accent");
      context.fillRect(left, gatedTop, barWidth, height - 1 - gatedTop);
    }
    if (this.#floor === null) return;
    context.strokeStyle = colour("--vendor");
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    context.beginPath();
    this.#floor.forEach((db, band) => {
      context.lineTo(band * step, y(db));
      context.lineTo((band + 1) * step, y(db));
    });
    context.stroke();
    context.setLineDash([]);
  }
}

function line(context: CanvasRenderingContext2D, y: number, width: number): void {
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
}

/** Up at once, down slowly. Bands are absent while the gate rests: then all fall. */
function smooth(shown: Float32Array, bandsDb: readonly number[] | null): void {
  for (let band = 0; band < bandCount; band++) {
    const next = bandsDb?.[band] ?? lowestDb;
    const before = shown[band]!;
    shown[band] = next > before ? next : before * fallRatio + next * (1 - fallRatio);
  }
}
