/** The page's one call at a time: begins it, ends it, and passes on what the settings say. */
import type { ConversationState } from "../conversation-state.ts";
import { Emitter } from "../emitter.ts";
import { ParleyClient } from "../parley-client.ts";
import { ParleyError } from "../parley-error.ts";
import { VoiceCall } from "../voice-call.ts";
import { type CallSettings, microphoneOf, sessionOf } from "./call-settings.ts";
import type { TalkFacts } from "./talk-control.ts";

export interface CallDeskOptions {
  url: string;
  workletUrls: { microphone: string; player: string };
  apiKey: () => string;
  /** Keeps what is played, for debugging. */
  record: boolean;
}

export interface CallDeskEvents {
  /** A call was made and is about to start: listen to it. */
  call: VoiceCall;
  facts: TalkFacts;
  /** `over`: there is no call any more. */
  trouble: { error: ParleyError; over: boolean };
  /** The user (or the page) hung up. */
  ended: undefined;
}

export class CallDesk extends Emitter<CallDeskEvents> {
  readonly #options: CallDeskOptions;
  #settings: CallSettings;
  #call: VoiceCall | null = null;
  #asking = false;

  constructor(options: CallDeskOptions, settings: CallSettings) {
    super();
    this.#options = options;
    this.#settings = settings;
  }

  /** The call that runs, or the last one. */
  get call(): VoiceCall | null {
    return this.#call;
  }

  /** The browser asks for the microphone. */
  get asking(): boolean {
    return this.#asking;
  }

  get state(): ConversationState {
    if (this.#asking) return "connecting";
    return this.#call?.client.state ?? "closed";
  }

  get facts(): TalkFacts {
    const mode = this.#call?.mode ?? this.#settings.mode;
    return {
      state: this.state,
      mode: this.state === "closed" ? this.#settings.mode : mode,
      muted: this.state !== "closed" && this.#call?.muted === true,
      pressed: this.#call?.pressed === true,
    };
  }

  /** Starts a call. Call it from a click or a key press. @returns whether it stands */
  async begin(): Promise<boolean> {
    if (this.state !== "closed") return true;
    const call = this.#create();
    this.#call = call;
    this.#asking = true;
    this.#tell();
    try {
      await call.start();
      return true;
    } catch (error) {
      if (this.#call !== call) return false;
      this.#asking = false;
      this.#tell();
      const known =
        error instanceof ParleyError ? error : new ParleyError("internal_error", { detail: String(error) });
      if (known.code !== "closed_by_caller") this.emit("trouble", { error: known, over: true });
      return false;
    }
  }

  end(): void {
    const running = this.state !== "closed";
    this.#asking = false;
    this.#call?.stop();
    if (running) this.emit("ended", undefined);
    this.#tell();
  }

  toggleMute(): void {
    if (this.state !== "closed") this.#call?.setMuted(!this.#call.muted);
  }

  /** Whoever holds to talk means to be heard, muted before or not. */
  press(): void {
    this.#call?.setMuted(false);
    this.#call?.press();
  }

  release(): void {
    this.#call?.release();
  }

  interrupt(): void {
    if (["speaking", "thinking"].includes(this.state)) void this.#call?.interrupt();
  }

  /** Takes new settings over, also into the call that runs. */
  apply(settings: CallSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    this.#tell();
    const call = this.#call;
    if (call === null || this.state === "closed") return;
    const changed = (...names: (keyof CallSettings)[]): boolean =>
      names.some((name) => before[name] !== settings[name]);
    const work: Promise<void>[] = [];
    if (changed("mode")) work.push(call.setMode(settings.mode));
    if (changed("voice", "instructions", "noise", "turnEnd"))
      // Emptied by hand: the server's own instructions come back with the next conversation.
      work.push(call.configure({ instructions: settings.instructions.trim(), ...sessionOf(settings) }));
    if (changed("microphone", "echoCancellation")) work.push(call.setMicrophone(microphoneOf(settings)));
    for (const one of work) one.catch((error: unknown) => this.#complain(error));
  }

  #create(): VoiceCall {
    const { url, apiKey, workletUrls, record } = this.#options;
    const client = new ParleyClient({
      url,
      apiKey,
      audio: "binary",
      extensions: { duck: true, debug: true, words: true, captions: true, level: true },
    });
    const call = new VoiceCall({
      client,
      workletUrls,
      record,
      mode: this.#settings.mode,
      session: sessionOf(this.#settings),
      microphone: microphoneOf(this.#settings),
    });
    const isCurrent = (): boolean => this.#call === call;
    client.on("state", () => {
      if (!isCurrent()) return;
      this.#asking = false;
      this.#tell();
    });
    for (const type of ["muted", "pressed", "mode"] as const)
      call.on(type, () => isCurrent() && this.#tell());
    call.on("error", (error) => isCurrent() && this.emit("trouble", { error, over: false }));
    call.on("ended", ({ error }) => {
      if (isCurrent() && error !== null) this.emit("trouble", { error, over: true });
      if (isCurrent()) this.#tell();
    });
    this.emit("call", call);
    return call;
  }

  #complain(error: unknown): void {
    const known =
      error instanceof ParleyError ? error : new ParleyError("internal_error", { detail: String(error) });
    if (known.code !== "closed_by_caller") this.emit("trouble", { error: known, over: false });
  }

  #tell(): void {
    this.emit("facts", this.facts);
  }
}
