import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { mustSkipChromium } from "./chromium.ts";
import { isPressed, makeNoise, open, type Stage, sendReplyAudio, setStage, talk } from "./page-stage.ts";
import { beginReply, sendWords } from "./replies.ts";

describe.skipIf(mustSkipChromium())("the page's controls, in Chromium", () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage();
  }, 60_000);
  afterEach(async () => {
    await stage.page.evaluate(() => localStorage.clear());
    await stage.page.close();
  });
  afterAll(() => stage?.close());

  it("can be used by keyboard alone: Space talks and mutes, Escape interrupts, E ends", async () => {
    const page = await open(stage);
    await page.keyboard.press("Space");
    const peer = await stage.gateway.nextPeer();
    await peer.welcome();
    await page.getByText("Listening. Say something.").waitFor();
    await page.keyboard.press("Space");
    await page.getByText("Muted. Parley doesn't hear you.").waitFor();
    await page.keyboard.press("m");
    await page.getByText("Listening. Say something.").waitFor();
    beginReply(peer, "resp_1", "item_2");
    sendReplyAudio(peer, makeNoise(24_000 * 20));
    await page.getByText("Speaking.").waitFor();
    await page.keyboard.press("Escape");
    await peer.next("response.cancel");
    await peer.next("conversation.item.truncate");
    await page.keyboard.press("e");
    await page.getByRole("button", { name: "Talk" }).waitFor();
    expect(await page.evaluate(() => window.parley.state)).toBe("closed");
  });

  it("shows where the focus is on everything that Tab reaches, and reaches everything", async () => {
    const page = await open(stage);
    const reached: string[] = [];
    for (let presses = 0; presses < 14; presses++) {
      await page.keyboard.press("Tab");
      const [name, outline] = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const shown = element.matches("input[type=radio]") ? element.nextElementSibling! : element;
        return [element.id || element.tagName, getComputedStyle(shown).outlineStyle];
      });
      if (name === "BODY") break;
      reached.push(name!);
      expect(outline, name).toBe("solid");
    }
    expect(reached).toEqual([
      ...["shortcuts-button", "settings-button", "conversation", "measures", "talk", "INPUT"],
    ]);
  });

  it("ends by its button, and gives the focus back to Talk", async () => {
    const page = await open(stage);
    await talk(stage);
    await page.getByRole("button", { name: "End" }).click();
    await page.getByRole("button", { name: "Talk" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("talk");
  });

  it("sends speech only while the space bar is held, and asks for an answer when it is let go", async () => {
    const page = await open(stage);
    await page.getByLabel("Hold to talk").check();
    const peer = await talk(stage);
    const update = peer.events.find((event) => event.type === "session.update") as unknown as {
      session: { audio: { input: { turn_detection: unknown } } };
    };
    expect(update.session.audio.input.turn_detection).toBeNull();
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.waitForTimeout(300);
    expect(peer.audioBytes).toBe(0);
    await page.keyboard.down("Space");
    await expect.poll(() => isPressed(page)).toBe(true);
    await expect.poll(() => peer.audioBytes).toBeGreaterThan(16_000);
    await page.keyboard.up("Space");
    await peer.next("input_audio_buffer.commit");
    await peer.next("response.create");
    expect(await isPressed(page)).toBe(false);
  });

  it("holds by finger, and a short tap stays down until the next one", async () => {
    const page = await open(stage, "?mode=push-to-talk");
    const peer = await talk(stage);
    const dial = page.getByRole("button", { name: "Hold to talk" });
    await dial.hover();
    await page.mouse.down();
    await expect.poll(() => isPressed(page)).toBe(true);
    expect(await dial.getAttribute("aria-pressed")).toBe("true");
    await page.waitForTimeout(500);
    await page.mouse.up();
    await peer.next("input_audio_buffer.commit");
    await expect.poll(() => isPressed(page)).toBe(false);
    await dial.click();
    await page.getByText("Press once more when you have finished.").waitFor();
    await page.waitForTimeout(500);
    expect(await isPressed(page)).toBe(true);
    await dial.click();
    await peer.next("input_audio_buffer.commit");
    await expect.poll(() => isPressed(page)).toBe(false);
  });

  it("lets go when the window loses the focus: nobody is recorded unawares", async () => {
    const page = await open(stage, "?mode=push-to-talk");
    const peer = await talk(stage);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.down("Space");
    await expect.poll(() => isPressed(page)).toBe(true);
    await page.waitForTimeout(400);
    await page.evaluate(() => window.dispatchEvent(new Event("blur")));
    await expect.poll(() => isPressed(page)).toBe(false);
    await peer.next("input_audio_buffer.commit");
  });

  it("changes between hands-free and push-to-talk in the middle of a call", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    await page.getByLabel("Hold to talk").check();
    const manual = await peer.next("session.update");
    expect(manual).toMatchObject({ session: { audio: { input: { turn_detection: null } } } });
    await page.getByText("Hold to talk.", { exact: true }).waitFor();
    await page.getByLabel("Hands-free").check();
    const automatic = await peer.next("session.update");
    expect(automatic).toMatchObject({
      session: { audio: { input: { turn_detection: { type: "semantic_vad", eagerness: "auto" } } } },
    });
  });

  it("keeps the settings, sends them with the next call and changes them in the running one", async () => {
    const page = await open(stage);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Voice").selectOption("ash");
    await page.getByLabel("Instructions").fill("Be brief.");
    await page.getByLabel("Across the room").check();
    await page.getByLabel("Quick").check();
    await page.getByLabel("Take the loudspeaker's echo").uncheck();
    await page.getByRole("button", { name: "Done" }).click();
    await page.reload();
    const peer = await talk(stage);
    expect(peer.url.searchParams.get("aec")).toBe("none");
    expect(peer.events.find((event) => event.type === "session.update")).toMatchObject({
      session: {
        instructions: "Be brief.",
        audio: {
          input: {
            noise_reduction: { type: "far_field" },
            turn_detection: { type: "semantic_vad", eagerness: "high" },
          },
          output: { voice: "ash" },
        },
      },
    });
    await page.keyboard.press(",");
    await page.getByLabel("Leave it").check();
    expect(await peer.next("session.update")).toMatchObject({
      session: { audio: { input: { noise_reduction: { type: "none" } } } },
    });
    await page.getByRole("button", { name: "Back to the defaults" }).click();
    expect(await page.getByLabel("Voice").inputValue()).toBe("");
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
  });

  it("offers the microphones by name once one was allowed", async () => {
    const page = await open(stage);
    await talk(stage);
    await page.getByRole("button", { name: "Settings" }).click();
    const names = page.getByLabel("Microphone", { exact: true }).locator("option");
    await expect.poll(() => names.allInnerTexts()).toContain("Fake Audio Input 1");
    expect((await names.allInnerTexts())[0]).toBe("The system's choice");
  });

  it("has shortcuts of a single key only while the user wants them", async () => {
    const page = await open(stage);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    expect(await page.locator("#shortcut-list kbd").allInnerTexts()).toEqual([
      ...["Space", "Esc", "M", "P", "E", ",", "?"],
    ]);
    await page.keyboard.press("Escape");
    await page.keyboard.press(",");
    await page.getByLabel("Single-key shortcuts").uncheck();
    await page.getByRole("button", { name: "Close settings" }).click();
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    for (const key of ["?", ",", "p", "Space"]) await page.keyboard.press(key);
    expect(await page.locator("dialog[open]").count()).toBe(0);
    expect(await page.evaluate(() => [window.parley.state, document.body.dataset.mode])).toEqual([
      "closed",
      "hands-free",
    ]);
  });

  it("tells screen readers little: nothing of a whole turn reaches a live region", async () => {
    const page = await open(stage);
    const peer = await talk(stage);
    await page.evaluate(() => {
      const heard: string[] = [];
      Object.assign(window, { heard });
      for (const region of document.querySelectorAll("[role=alert], [role=status], [aria-live=polite]")) {
        new MutationObserver(() => heard.push(region.textContent ?? "")).observe(region, {
          ...{ childList: true, characterData: true, subtree: true },
        });
      }
    });
    peer.send({ type: "input_audio_buffer.speech_started", item_id: "item_1", audio_start_ms: 100 });
    await page.getByText("I hear you…").waitFor();
    peer.send({ type: "input_audio_buffer.speech_stopped", item_id: "item_1", audio_end_ms: 900 });
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "A voice gateway.");
    sendReplyAudio(peer, makeNoise(24_000));
    await page.getByText("Speaking.").waitFor();
    expect(await page.evaluate(() => (window as unknown as { heard: string[] }).heard)).toEqual([]);
  });
});
