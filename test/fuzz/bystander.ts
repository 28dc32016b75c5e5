/** A session that does nothing wrong while others misbehave, and must not notice them. */
import { RealtimeClient } from "../support/realtime-client.ts";

const turnWaitMs = 30_000;

export class Bystander {
  readonly #client: RealtimeClient;
  #leaving = false;
  #turns = 0;

  private constructor(client: RealtimeClient) {
    this.#client = client;
  }

  static async arrive(wsUrl: string): Promise<Bystander> {
    return new Bystander(await RealtimeClient.session(wsUrl, { output_modalities: ["audio"] }));
  }

  /** Turns that ended as they should. */
  get turns(): number {
    return this.#turns;
  }

  /** One question, one answer. @throws {Error} when the answer is late, failed or empty, or an error came */
  async haveTurn(): Promise<void> {
    const client = this.#client;
    client.say("Hello.");
    client.send({ type: "response.create" });
    const done = await client.next(
      (event) => event.type === "response.done" || event.type === "error",
      turnWaitMs,
    );
    if (done.type === "error") throw new Error(`it got ${JSON.stringify(done.error)}`);
    if (done.response.status !== "completed")
      throw new Error(`its turn ended ${JSON.stringify(done.response.status_details)}`);
    const itemId = done.response.output[0]?.id as string | undefined;
    if (itemId === undefined || client.audioOf(itemId).length === 0)
      throw new Error("its answer had no audio");
    // A conversation that grows for ever would be an own fault of this session.
    client.send({ type: "conversation.item.delete", item_id: itemId });
    await client.next("conversation.item.deleted", turnWaitMs);
    client.forget();
    this.#turns++;
  }

  /** Has turn after turn until told to leave. */
  async talk(note: (fault: string) => void): Promise<void> {
    try {
      while (!this.#leaving) await this.haveTurn();
    } catch (error) {
      note(`the bystander was disturbed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#client.close();
    }
  }

  leave(): void {
    this.#leaving = true;
  }
}
