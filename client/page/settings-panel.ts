import type { MicrophoneDevice } from "../voice-call-events.ts";
import { type CallSettings, defaultSettings, readSettings } from "./call-settings.ts";
import { setText } from "./page-elements.ts";

export interface SettingsParts {
  dialog: HTMLDialogElement;
  form: HTMLFormElement;
  microphone: HTMLSelectElement;
  microphoneNote: HTMLElement;
  reset: HTMLButtonElement;
  close: HTMLButtonElement;
}

/** Typing in a field is told when it has rested that long, and when the sheet closes. */
const typingRestMs = 600;

/** The sheet of settings: every change counts at once. */
export class SettingsPanel {
  readonly #parts: SettingsParts;
  readonly #onChange: (settings: CallSettings) => void;
  #settings: CallSettings;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: SettingsParts, settings: CallSettings, onChange: (settings: CallSettings) => void) {
    this.#parts = parts;
    this.#settings = settings;
    this.#onChange = onChange;
    this.#fill();
    parts.form.addEventListener("change", () => this.#read());
    parts.form.addEventListener("input", (event) => {
      if (!(event.target instanceof HTMLTextAreaElement)) return;
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#read(), typingRestMs);
    });
    parts.dialog.addEventListener("close", () => this.#read());
    parts.dialog.addEventListener("click", (event) => {
      if (event.target === parts.dialog) parts.dialog.close();
    });
    parts.close.addEventListener("click", () => parts.dialog.close());
    parts.reset.addEventListener("click", () =>
      this.#take({ ...defaultSettings, mode: this.#settings.mode }),
    );
  }

  open(): void {
    this.#fill();
    this.#parts.dialog.showModal();
  }

  /** The settings changed elsewhere. */
  set settings(settings: CallSettings) {
    this.#settings = settings;
    this.#fill();
  }

  /** The microphones that can be chosen. */
  showMicrophones(devices: readonly MicrophoneDevice[]): void {
    const { microphone, microphoneNote } = this.#parts;
    const options = devices.map(({ deviceId, label }) => new Option(label, deviceId));
    microphone.replaceChildren(new Option("The system's choice", ""), ...options);
    this.#fill();
    setText(
      microphoneNote,
      devices.some(({ deviceId }) => deviceId !== "")
        ? "Can be changed during a conversation."
        : "Names appear once the microphone was allowed.",
    );
  }

  #fill(): void {
    const { form, microphone } = this.#parts;
    const { microphone: chosen } = this.#settings;
    // A microphone that is not plugged in now stays the choice.
    if (chosen !== "" && ![...microphone.options].some(({ value }) => value === chosen))
      microphone.append(new Option("The one chosen before (not here now)", chosen));
    for (const field of form.elements) {
      if (
        !(
          field instanceof HTMLInputElement ||
          field instanceof HTMLSelectElement ||
          field instanceof HTMLTextAreaElement
        )
      )
        continue;
      const value = (this.#settings as unknown as Record<string, string | boolean>)[field.name];
      if (value === undefined) continue;
      if (field.type === "checkbox") (field as HTMLInputElement).checked = value === true;
      else if (field.type === "radio") (field as HTMLInputElement).checked = field.value === value;
      else if (document.activeElement !== field || !(field instanceof HTMLTextAreaElement))
        field.value = String(value);
    }
  }

  #read(): void {
    clearTimeout(this.#typing);
    const data = new FormData(this.#parts.form);
    const read: Record<string, unknown> = { ...this.#settings };
    for (const [name, value] of Object.entries(this.#settings)) {
      if (this.#parts.form.elements.namedItem(name) === null) continue;
      read[name] = typeof value === "boolean" ? data.has(name) : (data.get(name) ?? value);
    }
    this.#take(readSettings(read));
  }

  #take(settings: CallSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#fill();
    this.#onChange(settings);
  }
}
