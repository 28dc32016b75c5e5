/** Sound as a picture: time to the right, pitch upwards, loudness as colour. */
import { hann, powerSpectra } from "../metrics/fourier.ts";
import { rateHz } from "../voices.ts";
import { type Colour, encodePng } from "./png.ts";
import { drawText, faint, n, wrapSvg } from "./svg.ts";

const columns = 440;
const rows = 96;
const size = 512;
/** From black over violet and orange to pale yellow, as much brighter with each step. */
const stops: readonly Colour[] = [
  [8, 8, 24],
  [46, 18, 90],
  [120, 28, 109],
  [188, 55, 84],
  [237, 105, 37],
  [251, 180, 26],
  [252, 255, 200],
];
const shades = 24;
const colours = Array.from({ length: shades }, (_, i) => shade(i / (shades - 1)));
/** What is drawn darkest and brightest, dBFS a bin. */
const lowestDb = -80;
const highestDb = -22;

/** Two recordings one over the other, on the same scale of colours. */
export function drawSpectrogramPair(before: Int16Array, after: Int16Array): string {
  const width = 720;
  const left = 46;
  const innerWidth = width - left - 14;
  const innerHeight = 150;
  const parts: string[] = [];
  for (const [index, [name, samples]] of (
    [
      ["before", before],
      ["after", after],
    ] as const
  ).entries()) {
    const top = 30 + index * (innerHeight + 32);
    const png = drawSpectrogram(samples).toString("base64");
    parts.push(
      drawText(left, top - 13, name, { bold: true }),
      `<image x="${left}" y="${top}" width="${innerWidth}" height="${innerHeight}" preserveAspectRatio="none" href="data:image/png;base64,${png}"/>`,
    );
    for (const kilohertz of [0, 2, 4, 6, 8]) {
      parts.push(
        drawText(left - 7, top + innerHeight * (1 - kilohertz / 8), `${kilohertz}`, {
          anchor: "end",
          colour: faint,
          size: 11,
        }),
      );
    }
  }
  const seconds = before.length / rateHz;
  const bottom = 30 + 2 * innerHeight + 32;
  for (let second = 0; second <= seconds; second++) {
    parts.push(
      drawText(left + (innerWidth * second) / seconds, bottom + 13, n(second), {
        anchor: "middle",
        colour: faint,
        size: 11,
      }),
    );
  }
  parts.push(
    drawText(width - 14, bottom + 30, "seconds", { anchor: "end", colour: faint, size: 11 }),
    drawText(14, 17, "kHz", { colour: faint, size: 11 }),
  );
  return wrapSvg(width, bottom + 42, "spectrograms before and after the gate", parts.join("\n"));
}

function drawSpectrogram(samples: Int16Array): Buffer {
  const hop = Math.max(1, Math.floor((samples.length - size) / columns));
  const spectra = powerSpectra(samples, { frame: size, hop, size, window: hann(size) }).slice(0, columns);
  const pixels = new Uint8Array(columns * rows);
  const binsPerRow = size / 2 / rows;
  for (let x = 0; x < spectra.length; x++) {
    for (let y = 0; y < rows; y++) {
      const from = Math.floor((rows - 1 - y) * binsPerRow);
      const until = Math.floor((rows - y) * binsPerRow);
      let power = 0;
      for (let k = from; k < until; k++) power += spectra[x]![k]!;
      // Of a full-scale tone: half the window's sum, squared.
      const db = 10 * Math.log10(power / (until - from) / (32768 * (size / 4)) ** 2 + 1e-14);
      const bright = Math.min(1, Math.max(0, (db - lowestDb) / (highestDb - lowestDb)));
      pixels[y * columns + x] = Math.round(bright * (shades - 1));
    }
  }
  return encodePng(columns, rows, pixels, colours);
}

function shade(bright: number): Colour {
  const at = bright * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(at));
  const mix = at - index;
  const [low, high] = [stops[index]!, stops[index + 1]!];
  return [0, 1, 2].map((c) => Math.round(low[c]! * (1 - mix) + high[c]! * mix)) as unknown as Colour;
}
