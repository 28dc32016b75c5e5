/**
 * Runs flite's command-line program (WebAssembly) inside this process, without files: a host of its own for the
 * thirteen WASI calls that it makes. One instance is used again and again: starting one costs about 45 ms (17 MB of
 * voices), putting its memory back as it was costs a few.
 */

const ERRNO_SUCCESS = 0;
const ERRNO_BADF = 8;
const ERRNO_INVAL = 28;
const ERRNO_NOENT = 44;

const PREOPENED_FD = 3;
const OUTPUT_FD = 4;
/** The name by which the program asks for its output file. */
const OUTPUT_NAME = "out.wav";
/** A program that writes more than that has lost its way: 10 minutes of speech at 16 kHz. */
const MAX_OUTPUT_BYTES = 20_000_000;
const MAX_PRINTED_BYTES = 1_000_000;
/** Memory above that is not kept for the next run: a very long text would hold it for good. */
const MAX_KEPT_MEMORY_BYTES = 64_000_000;

/** What one run left behind. */
export interface ProgramResult {
  /** The file that it wrote (a WAV file), empty if it wrote none. */
  output: Uint8Array;
  /** What it printed. */
  printed: string;
}

/** A WASI program that can be run again and again; one run at a time, synchronous. */
export interface Program {
  /** @throws Error if the program exits with another code than 0 or traps */
  run(args: string[]): ProgramResult;
}

class ProgramExit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`the program exited with code ${code}`);
    this.code = code;
  }
}

/** A file in memory that grows as it is written; seekable, as WAV writers go back to their header. */
class MemoryFile {
  private bytes = new Uint8Array(1 << 16);
  private position = 0;
  private size = 0;
  private readonly limitBytes: number;
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }
  reset(): void {
    this.position = 0;
    this.size = 0;
  }
  write(part: Uint8Array): boolean {
    const end = this.position + part.length;
    if (end > this.limitBytes) return false;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    this.bytes.set(part, this.position);
    this.position = end;
    this.size = Math.max(this.size, end);
    return true;
  }
  seek(offset: number, whence: number): number {
    const base = whence === 0 ? 0 : whence === 1 ? this.position : this.size;
    this.position = Math.max(0, base + offset);
    return this.position;
  }
  content(): Uint8Array {
    return this.bytes.slice(0, this.size);
  }
}

interface Host {
  args: Uint8Array[];
  memory: WebAssembly.Memory | null;
  output: MemoryFile;
  printed: MemoryFile;
}

function argumentCalls(host: Host, view: () => DataView): Record<string, (...numbers: number[]) => number> {
  return {
    args_sizes_get: (countAt, sizeAt) => {
      view().setUint32(countAt!, host.args.length, true);
      view().setUint32(
        sizeAt!,
        host.args.reduce((sum, arg) => sum + arg.length, 0),
        true,
      );
      return ERRNO_SUCCESS;
    },
    args_get: (pointersAt, bytesAt) => {
      let at = bytesAt!;
      host.args.forEach((arg, index) => {
        view().setUint32(pointersAt! + 4 * index, at, true);
        new Uint8Array(host.memory!.buffer).set(arg, at);
        at += arg.length;
      });
      return ERRNO_SUCCESS;
    },
  };
}

function fileCalls(host: Host, view: () => DataView): Record<string, (...args: never[]) => number> {
  const fileOf = (fd: number) =>
    fd === OUTPUT_FD ? host.output : fd === 1 || fd === 2 ? host.printed : null;
  return {
    fd_close: () => ERRNO_SUCCESS,
    fd_fdstat_set_flags: () => ERRNO_SUCCESS,
    fd_fdstat_get: (fd: number, at: number) => {
      if (fd > OUTPUT_FD) return ERRNO_BADF;
      // filetype: 2 character device, 3 directory, 4 regular file; then flags and all rights.
      view().setUint8(at, fd < PREOPENED_FD ? 2 : fd === PREOPENED_FD ? 3 : 4);
      view().setUint16(at + 2, 0, true);
      view().setBigUint64(at + 8, 0xffff_ffffn, true);
      view().setBigUint64(at + 16, 0xffff_ffffn, true);
      return ERRNO_SUCCESS;
    },
    fd_prestat_get: (fd: number, at: number) => {
      if (fd !== PREOPENED_FD) return ERRNO_BADF;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
      return ERRNO_SUCCESS;
    },
    fd_prestat_dir_name: (_fd: number, at: number) => {
      view().setUint8(at, "/".charCodeAt(0));
      return ERRNO_SUCCESS;
    },
    fd_read: (_fd: number, _vectors: number, _count: number, readAt: number) => {
      view().setUint32(readAt, 0, true);
      return ERRNO_SUCCESS;
    },
    fd_seek: (fd: number, offset: bigint, whence: number, resultAt: number) => {
      if (fd !== OUTPUT_FD) return ERRNO_BADF;
      view().setBigUint64(resultAt, BigInt(host.output.seek(Number(offset), whence)), true);
      return ERRNO_SUCCESS;
    },
    fd_write: (fd: number, vectorsAt: number, count: number, writtenAt: number) => {
      const file = fileOf(fd);
      if (!file) return ERRNO_BADF;
      let written = 0;
      for (let index = 0; index < count; index++) {
        const at = view().getUint32(vectorsAt + 8 * index, true);
        const length = view().getUint32(vectorsAt + 8 * index + 4, true);
        if (!file.write(new Uint8Array(host.memory!.buffer, at, length))) return ERRNO_INVAL;
        written += length;
      }
      view().setUint32(writtenAt, written, true);
      return ERRNO_SUCCESS;
    },
    path_open: (...all: never[]) => {
      const [, , pathAt, pathLength, , , , , fdAt] = all as unknown as number[];
      const name = Buffer.from(host.memory!.buffer, pathAt!, pathLength!).toString();
      // Nothing else exists: no text makes this program touch a real file.
      if (name !== OUTPUT_NAME) return ERRNO_NOENT;
      host.output.reset();
      view().setUint32(fdAt!, OUTPUT_FD, true);
      return ERRNO_SUCCESS;
    },
  };
}

function importsOf(host: Host): WebAssembly.Imports {
  const view = () => new DataView(host.memory!.buffer);
  return {
    wasi_snapshot_preview1: {
      ...argumentCalls(host, view),
      ...fileCalls(host, view),
      clock_time_get: (_id: number, _precision: bigint, at: number) => {
        // Always the same moment: speech must not depend on when it was made.
        view().setBigUint64(at, 0n, true);
        return ERRNO_SUCCESS;
      },
      proc_exit: (code: number) => {
        throw new ProgramExit(code);
      },
    } as WebAssembly.ModuleImports,
  };
}

/**
 * Prepares a program. `run` passes it `args` after its name; the file that it may write is called as `outputName`.
 *
 * @throws Error if the module wants what this host doesn't have
 */
export function prepareProgram(module: WebAssembly.Module, name: string): Program & { outputName: string } {
  const host: Host = {
    args: [],
    memory: null,
    output: new MemoryFile(MAX_OUTPUT_BYTES),
    printed: new MemoryFile(MAX_PRINTED_BYTES),
  };
  const imports = importsOf(host);
  let instance: WebAssembly.Instance | null = null;
  let pristine: Uint8Array | null = null;

  const start = (): WebAssembly.Instance => {
    const started = new WebAssembly.Instance(module, imports);
    host.memory = started.exports.memory as WebAssembly.Memory;
    pristine ??= new Uint8Array(host.memory.buffer).slice();
    instance = started;
    return started;
  };
  const restore = (): void => {
    if (host.memory!.buffer.byteLength > MAX_KEPT_MEMORY_BYTES) {
      instance = null;
      return;
    }
    const memory = new Uint8Array(host.memory!.buffer);
    memory.set(pristine!);
    memory.fill(0, pristine!.length);
  };

  start();
  return {
    outputName: OUTPUT_NAME,
    run(args) {
      const current = instance ?? start();
      host.args = [name, ...args].map((arg) => new TextEncoder().encode(`${arg}\0`));
      host.output.reset();
      host.printed.reset();
      try {
        (current.exports._start as () => void)();
        restore();
      } catch (error) {
        // The stack pointer lives outside the memory and is not where it was: this instance is spent.
        instance = null;
        if (!(error instanceof ProgramExit && error.code === 0)) {
          throw new Error(`${name} failed: ${(error as Error).message}`, { cause: error });
        }
      }
      return { output: host.output.content(), printed: Buffer.from(host.printed.content()).toString() };
    },
  };
}
