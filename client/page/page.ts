/** The page's entry point: builds the views, the desk with its one call, and joins them. */
import type { ConversationState } from "../conversation-state.ts";
import { listMicrophones } from "../microphone-devices.ts";
import { ParleyError } from "../parley-error.ts";
import type { VoiceCall } from "../voice-call.ts";
import { installShell } from "./app-shell.ts";
import { storeOf } from "./browser-store.ts";
import { CallDesk } from "./call-desk.ts";
import { CallDisplay } from "./call-display.ts";
import { type CallSettings, loadSettings, readSettings, saveSettings } from "./call-settings.ts";
import { CaptionsView } from "./captions-view.ts";
import { Dial } from "./dial.ts";
import { GatePicture } from "./gate-picture.ts";
import { KeepAwake } from "./keep-awake.ts";
import { NoticeView } from "./notice-view.ts";
import {
  isBrowserAble,
  type NoticeAction,
  type NoticePlace,
  noticeOf,
  reconnectingNotice,
  serverBackNotice,
} from "./notices.ts";
import { find, setText } from "./page-elements.ts";
import type { PageProbe } from "./page-probe.ts";
import { RetryClock } from "./retry-clock.ts";
import { askHealth, findHindrance } from "./server-probe.ts";
import { SettingsPanel } from "./settings-panel.ts";
import { listenForShortcuts, listShortcuts } from "./shortcuts.ts";
import { statusWords } from "./status-words.ts";
import { TalkControl, type TalkFacts } from "./talk-control.ts";
import { TotalsView } from "./totals-view.ts";
import { fileNameOf, saveFile } from "./transcript-export.ts";
import { WaterfallView } from "./waterfall-view.ts";

/** Put in by the bundler: the hashed addresses of files that are bundled on their own. */
declare const MICROPHONE_WORKLET_URL: string;
declare const PLAYER_WORKLET_URL: string;
declare const SERVICE_WORKER_URL: string;

const keyName = "parley.api-key";
const maxKept = 100;
const conversationUrl = new URL("/v1/realtime", location.href);

const query = new URLSearchParams(location.search);
const lasting = storeOf(() => localStorage);
const ofTab = storeOf(() => sessionStorage);
let settings: CallSettings = loadSettings(lasting);
// The installed app's shortcuts say how one wants to talk this time.
settings = readSettings({ ...settings, ...(query.has("mode") && { mode: query.get("mode") }) });
const errors: string[] = [];
const hasKeys = matchMedia("(hover: hover)");

const display = new CallDisplay({
  captions: new CaptionsView({
    list: find("captions"),
    intro: find("intro"),
    scroller: find("conversation"),
  }),
  waterfall: new WaterfallView({ list: find("turns"), empty: find("turns-empty"), legend: find("legend") }),
  totals: new TotalsView({
    totals: find("totals"),
    headline: find("headline-figure"),
    headlineNote: find("headline-note"),
    latest: find("latest"),
  }),
  gate: new GatePicture({
    canvas: find("gate"),
    in: find("gate-in"),
    out: find("gate-out"),
    noise: find("gate-noise"),
  }),
  dial: new Dial({ canvas: find("ring"), meter: find("meter") }),
});
const awake = new KeepAwake();
const desk = new CallDesk(
  {
    url: conversationUrl.href,
    workletUrls: { microphone: MICROPHONE_WORKLET_URL, player: PLAYER_WORKLET_URL },
    apiKey: readKey,
    record: query.get("record") === "1",
  },
  settings,
);
const talkButton = find<HTMLButtonElement>("talk");
const talk = new TalkControl(talkButton, find("talk-label"), {
  begin,
  end,
  toggleMute: () => desk.toggleMute(),
  press: () => desk.press(),
  release: () => desk.release(),
  latched: () => showFacts(desk.facts),
});
const notices = new NoticeView(
  {
    box: find("notice"),
    alert: find("alert"),
    steps: find("notice-steps"),
    keyForm: find("key-form"),
    keyInput: find("key"),
    countdown: find("countdown"),
    actions: find("notice-actions"),
    close: find("notice-close"),
  },
  { action: act, key: useKey },
);
const panel = new SettingsPanel(
  {
    dialog: find("settings"),
    form: find("settings-form"),
    microphone: find("microphone"),
    microphoneNote: find("microphone-note"),
    reset: find("settings-reset"),
    close: find("settings-close"),
  },
  settings,
  change,
);

// ---- Beginning, ending, and what goes wrong -----------------------------------------------------------------

/** What the clock tries: a call that the user asked for, or just whether the server is there. */
let trying: "call" | "server" = "call";
const clock = new RetryClock({
  tick: (seconds) => notices.count(`Trying again in ${seconds} s`),
  attempt: (signal) => {
    notices.count("Trying…");
    return trying === "call" ? callAgain(signal) : lookForServer(signal);
  },
  givenUp: () => notices.count("No more tries. Press Try again whenever you like."),
});

function begin(): void {
  clock.stop();
  notices.clear();
  // Without https there is no microphone to ask for.
  if (globalThis.isSecureContext) void desk.begin();
  else complain(new ParleyError("microphone_insecure"), true);
}

function end(): void {
  clock.stop();
  notices.clear();
  desk.end();
}

function act(action: NoticeAction): void {
  if (action === "reload") location.reload();
  else if (action === "stop-trying") {
    clock.stop();
    notices.clear();
    if (desk.state === "connecting") desk.end();
    talkButton.focus();
  } else if (clock.running && trying === "server") clock.hurry();
  else {
    talkButton.focus();
    begin();
  }
}

function readKey(): string {
  return ofTab.getItem(keyName) ?? "";
}

function useKey(key: string): void {
  ofTab.setItem(keyName, key);
  talkButton.focus();
  begin();
}

function place(): NoticePlace {
  return { userAgent: navigator.userAgent, url: new URL(location.href), online: navigator.onLine };
}

function complain(error: ParleyError, over: boolean): void {
  errors.push(error.code);
  if (errors.length > maxKept) errors.shift();
  const notice = noticeOf(error, place());
  if (notice.asksKey) ofTab.removeItem(keyName);
  if (!over && desk.state !== "closed") {
    notices.show({ ...notice, actions: [], retries: false }, true);
    return;
  }
  notices.show(notice);
  if (!notice.retries) clock.stop();
  else if (!clock.running) {
    trying = "call";
    clock.start();
  }
}

/** Begins the call that the user waits for. Asks the server first: no microphone is opened in vain. */
async function callAgain(signal: AbortSignal): Promise<boolean> {
  const hindrance = await findHindrance(conversationUrl, readKey());
  if (signal.aborted) return false;
  if (hindrance !== null) {
    complain(hindrance, true);
    return false;
  }
  if (!document.hidden) return desk.begin();
  notices.show(serverBackNotice, true);
  return true;
}

/** Whether the server answers at all; says so if it doesn't. */
async function lookForServer(signal?: AbortSignal): Promise<boolean> {
  const health = await askHealth();
  if (health?.version !== undefined)
    setText(find("about"), `Kept in this browser. Parley ${health.version}.`);
  // The user waits for a call by now, or for nothing any more.
  if (signal?.aborted || desk.state !== "closed" || (clock.running && trying === "call")) return true;
  if (health !== null) {
    if (clock.running) notices.clear();
    return true;
  }
  notices.show(noticeOf(new ParleyError("server_unreachable"), place()));
  trying = "server";
  clock.start();
  return false;
}

// ---- What a call tells --------------------------------------------------------------------------------------

let said: ConversationState = "closed";

function showFacts(facts: TalkFacts): void {
  const { state, mode, muted, pressed } = facts;
  const { dataset } = document.body;
  dataset.state = state;
  dataset.mode = mode;
  toggle(dataset, "muted", muted);
  toggle(dataset, "pressed", pressed);
  talk.show(facts);
  const words = statusWords(facts, { asking: desk.asking, latched: talk.latched, keys: hasKeys.matches });
  setText(find("status"), words.status);
  setText(find("hint"), words.hint);
  find<HTMLButtonElement>("interrupt-button").disabled = !["speaking", "thinking"].includes(state);
  find<HTMLButtonElement>("end-button").disabled = state === "closed";
  for (const input of document.querySelectorAll<HTMLInputElement>("#mode input"))
    input.checked = input.value === mode;
  display.showState(state);
  awake.wanted = state !== "closed";
  const changed = state !== said;
  if (changed && said === "connecting" && state !== "closed") {
    if (!clock.running || trying === "call") notices.clear();
    clock.stop();
    announce("The conversation has begun.");
  }
  said = state;
}

function toggle(dataset: DOMStringMap, name: string, on: boolean): void {
  if (on) dataset[name] = "";
  else delete dataset[name];
}

/** For screen readers, and only what nobody can hear anyway. */
function announce(words: string): void {
  setText(find("announcer"), words);
}

/** What of a call concerns more than its display. */
function listen(call: VoiceCall): void {
  const { client } = call;
  client.on("reconnecting", ({ attempt, delayMs, cause }) => {
    notices.show(reconnectingNotice(cause, place()));
    const seconds = Math.max(1, Math.round(delayMs / 1000));
    notices.count(`Try ${attempt}, in ${seconds} s`);
  });
  client.on("restarted", ({ message }) => {
    notices.clear();
    announce(message);
  });
  client.on("userTranscript", () => {
    find<HTMLButtonElement>("export-button").disabled = display.records.length === 0;
  });
  call.on("answered", () => notices.pass("answered"));
  call.on("pressed", (pressed) => pressed && notices.pass("pressed"));
  call.on("devices", (devices) => panel.showMicrophones(devices));
  call.on("microphone", ({ lost }) => {
    void showMicrophones();
    if (lost !== null) complain(lost, false);
  });
}

async function showMicrophones(): Promise<void> {
  panel.showMicrophones(await listMicrophones());
}

// ---- Settings, keys, the shell ------------------------------------------------------------------------------

function change(next: CallSettings): void {
  saveSettings(lasting, next);
  useSettings(next);
}

function useSettings(next: CallSettings): void {
  settings = next;
  panel.settings = settings;
  find("log").setAttribute("aria-live", settings.announceCaptions ? "polite" : "off");
  desk.apply(settings);
}

function toggleMeasures(): void {
  const shown = document.body.classList.toggle("measuring");
  const button = find("measures-button");
  button.setAttribute("aria-expanded", String(shown));
}

desk.on("call", (call) => {
  display.listen(call);
  listen(call);
});
desk.on("facts", showFacts);
desk.on("trouble", ({ error, over }) => complain(error, over));
desk.on("ended", () => announce("The conversation has ended."));

find("interrupt-button").addEventListener("click", () => desk.interrupt());
find("end-button").addEventListener("click", () => {
  end();
  talkButton.focus();
});
find("measures-button").addEventListener("click", toggleMeasures);
find("settings-button").addEventListener("click", () => {
  void showMicrophones();
  panel.open();
});
const shortcuts = find<HTMLDialogElement>("shortcuts");
listShortcuts(find("shortcut-list"));
find("shortcuts-button").addEventListener("click", () => shortcuts.showModal());
find("shortcuts-close").addEventListener("click", () => shortcuts.close());
find("export-button").addEventListener("click", () => saveFile(fileNameOf(new Date()), display.transcript()));
find("mode").addEventListener("change", (event) => {
  const mode = (event.target as HTMLInputElement).value as CallSettings["mode"];
  change({ ...settings, mode });
});
listenForShortcuts(
  talkButton,
  {
    hold: () => talk.hold(),
    letGo: () => talk.letGo(),
    toggleMute: () => desk.toggleMute(),
    interrupt: () => desk.interrupt(),
    end: () => desk.state !== "closed" && end(),
    toggleMode: () =>
      change({ ...settings, mode: settings.mode === "hands-free" ? "push-to-talk" : "hands-free" }),
    openSettings: () => find("settings-button").click(),
    openList: () => shortcuts.showModal(),
  },
  () => settings.singleKeys,
);
globalThis.addEventListener("online", () => clock.hurry());

window.parley = {
  get state() {
    return desk.state;
  },
  get turns() {
    return display.turns;
  },
  errors,
  reports: display.reports,
  waits: display.waits,
  recording: () => desk.call?.player.recording() ?? new Int16Array(0),
} satisfies PageProbe;

useSettings(settings);
display.showState("closed");
if (!isBrowserAble()) {
  complain(new ParleyError("microphone_unsupported"), true);
  talkButton.disabled = true;
} else if (!globalThis.isSecureContext) complain(new ParleyError("microphone_insecure"), true);
performance.mark("parley-interactive");
void lookForServer();
void installShell(SERVICE_WORKER_URL, {
  updated: (use) => {
    find("update").hidden = false;
    find("update-button").addEventListener("click", use, { once: true });
  },
});
