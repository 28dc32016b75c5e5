/** Plain words for whatever goes wrong: what happened, what to do about it, and what the page does by itself. */
import type { ParleyError } from "../parley-error.ts";

/** What the user can press. */
export type NoticeAction = "try-again" | "stop-trying" | "reload";

/** What shows that a notice has had its time: the next answer is heard, the button goes down, or it was there long enough to read. */
export type NoticeEnd = "answered" | "pressed" | "read";

export interface Notice {
  /** One sentence. */
  title: string;
  /** More of it, if one sentence is not enough. */
  words?: string;
  /** What to do, in order; text between backticks is meant to be typed. */
  steps?: readonly string[];
  actions: readonly NoticeAction[];
  /** "calm": nobody needs to do anything. */
  tone: "alarm" | "calm";
  /** Asks for the API key. */
  asksKey?: boolean;
  /** The page tries again by itself. */
  retries?: boolean;
  /** Goes by itself; without it, a notice stays until it is put away or the page has another. */
  ends?: NoticeEnd;
}

/** What the words depend on beside the fault itself. */
export interface NoticePlace {
  userAgent: string;
  /** The page's own address. */
  url: URL;
  online: boolean;
}

type Browser = "chrome" | "firefox" | "safari" | "ios" | "android";

function browserOf(userAgent: string): Browser {
  if (/iPhone|iPad/.test(userAgent)) return "ios";
  if (/Android/.test(userAgent)) return "android";
  if (/Firefox\//.test(userAgent)) return "firefox";
  return /Chrome\/|Chromium\//.test(userAgent) || !/Safari\//.test(userAgent) ? "chrome" : "safari";
}

/** Where each browser keeps the permission. */
const allowSteps: Readonly<Record<Browser, readonly string[]>> = {
  chrome: [
    "Open the menu at the left end of the address bar.",
    "Switch the microphone on for this site.",
    "Press Try again. If it stays blocked, look at your system's privacy settings for the microphone.",
  ],
  firefox: [
    "Press the microphone sign at the left end of the address bar.",
    "Take the block away with the cross beside it.",
    "Press Try again and allow the microphone.",
  ],
  safari: [
    "Open Safari's menu, then Settings for this website.",
    "Set Microphone to Allow.",
    "Press Try again.",
  ],
  ios: [
    "Press the page sign at the left end of the address bar, then Website Settings.",
    "Set Microphone to Allow.",
    "Press Try again. In an installed app: Settings, Apps, Safari, Microphone.",
  ],
  android: [
    "Press the sign at the left end of the address bar, then Permissions.",
    "Allow the microphone. In an installed app: press its icon long, App info, Permissions.",
    "Press Try again.",
  ],
};

const tryAgain = ["try-again"] as const;
const away = { actions: ["try-again", "stop-trying"], tone: "alarm", retries: true } as const;

type Draft = Omit<Notice, "actions" | "tone"> & Partial<Pick<Notice, "actions" | "tone">>;
type Write = (place: NoticePlace) => Draft;

const offline: Write = () => ({
  title: "You are offline.",
  words: "As soon as the network is back, so is the server.",
  ...away,
});

const serverAway: Write = (place) =>
  place.online
    ? {
        title: "The server can't be reached.",
        words: "It may be stopped, or the network between you and it is down.",
        ...away,
      }
    : offline(place);

const busy: Write = () => ({
  title: "The server is busy.",
  words: "All its places are taken. Your turn comes as soon as one is free.",
  ...away,
});

const restarting: Write = () => ({
  title: "The server is about to restart.",
  words: "It takes no new conversations until it is back.",
  ...away,
});

const vendorTrouble: Write = () => ({
  title: "The engine behind the answers has trouble.",
  words: "Nothing is lost: say it again in a moment.",
  actions: [],
});

const written: { readonly [code: string]: Write } = {
  microphone_refused: ({ userAgent }) => ({
    title: "The microphone is blocked for this page.",
    steps: allowSteps[browserOf(userAgent)],
    actions: tryAgain,
  }),
  microphone_missing: () => ({
    title: "There is no microphone.",
    words: "Plug one in or connect a headset, or choose another one in the settings.",
    actions: tryAgain,
  }),
  microphone_busy: () => ({
    title: "The microphone is in use.",
    words: "Another program holds it. Close the other call or recorder.",
    actions: tryAgain,
  }),
  microphone_ended: () => ({
    title: "The microphone was unplugged or switched off.",
    actions: tryAgain,
  }),
  microphone_insecure: ({ url }) => ({
    title: "Browsers give no microphone to a page without https.",
    words: `${url.hostname} is not this computer, and the page came by plain http.`,
    steps: [
      "On the server, start Parley with `PARLEY_TLS=self npm start`: it makes its own certificate.",
      `Open \`https://${url.host}/\` and accept the certificate once.`,
      `Or use the server's own browser at \`http://localhost:${url.port === "" ? "80" : url.port}/\`.`,
    ],
    actions: [],
  }),
  microphone_unsupported: () => ({
    title: "This browser can't hold a spoken conversation.",
    words: "It lacks what is needed to record and play. Current Chrome, Edge, Firefox and Safari can.",
    actions: [],
  }),
  playback_failed: () => ({
    title: "This browser can't play the answers.",
    words: "Its sound is switched off or in use by another program.",
    actions: tryAgain,
  }),
  missing_api_key: () => ({ title: "This server asks for an API key.", asksKey: true, tone: "calm" }),
  invalid_api_key: () => ({ title: "The server didn't accept this API key.", asksKey: true }),
  api_key_unusable: () => ({
    title: "This API key has characters that no key can have.",
    words: "Check that it was copied whole.",
    asksKey: true,
  }),
  offline,
  server_unreachable: serverAway,
  connect_timeout: serverAway,
  connection_lost: serverAway,
  reconnect_failed: serverAway,
  page_outdated: () => ({
    title: "Parley was updated.",
    words: "Reload this page to talk again.",
    actions: ["reload"],
  }),
  too_many_sessions: busy,
  too_many_connections: busy,
  draining: restarting,
  server_restart: restarting,
  not_ready: () => ({ title: "The server is still starting.", words: "It loads its engines.", ...away }),
  provider_unavailable: vendorTrouble,
  provider_overloaded: vendorTrouble,
  provider_timeout: vendorTrouble,
  provider_rejected: vendorTrouble,
  slow_client: () => ({
    title: "Your network is too slow for a conversation right now.",
    actions: tryAgain,
  }),
  network_too_slow: () => ({
    title: "Your network is too slow right now.",
    words: "Some of what you said didn't get through.",
    actions: [],
  }),
  idle_timeout: () => ({
    title: "The conversation ended, since nobody said anything for long.",
    actions: tryAgain,
    tone: "calm",
  }),
  session_expired: () => ({
    title: "The conversation reached its longest duration.",
    actions: tryAgain,
    tone: "calm",
  }),
  taken_over: () => ({
    title: "This conversation goes on in another window.",
    actions: tryAgain,
    tone: "calm",
  }),
};

/** Trouble that passes while the call goes on. */
const ends: { readonly [code: string]: NoticeEnd } = {
  provider_unavailable: "answered",
  provider_overloaded: "answered",
  provider_timeout: "answered",
  provider_rejected: "answered",
  internal_error: "answered",
  network_too_slow: "answered",
  playback_buffer_full: "answered",
  press_too_short: "pressed",
  microphone_changed: "read",
};

/** What to tell of a fault; the SDK's own words where there are none here. */
export function noticeOf(error: ParleyError, place: NoticePlace): Notice {
  const write = Object.hasOwn(written, error.code) ? written[error.code] : undefined;
  const end = Object.hasOwn(ends, error.code) ? ends[error.code] : undefined;
  return {
    actions: error.retryable ? tryAgain : [],
    tone: "alarm",
    ...(write?.(place) ?? { title: error.message }),
    ...(end !== undefined && { ends: end }),
  };
}

/** A call lost its server and looks for it. */
export function reconnectingNotice(cause: ParleyError, place: NoticePlace): Notice {
  const title =
    cause.code === "server_restart" || cause.code === "draining"
      ? "The server is restarting."
      : place.online
        ? "The connection was lost."
        : "You are offline.";
  return { title, words: "Connecting again by itself.", actions: [], tone: "calm" };
}

/** Found while nobody looks at the page: a call would begin unseen. */
export const serverBackNotice: Notice = {
  title: "The server is back.",
  words: "Press Talk.",
  actions: [],
  tone: "calm",
};

export const actionNames: Readonly<Record<NoticeAction, string>> = {
  "try-again": "Try again",
  "stop-trying": "Stop trying",
  reload: "Reload",
};

/** Whether this browser has what a conversation needs; asked before anything is built. */
export function isBrowserAble(): boolean {
  return (
    typeof WebSocket === "function" &&
    typeof HTMLDialogElement === "function" &&
    typeof structuredClone === "function" &&
    (!globalThis.isSecureContext || typeof AudioWorkletNode === "function")
  );
}
