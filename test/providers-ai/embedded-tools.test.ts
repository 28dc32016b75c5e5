import { describe, expect, it } from "vitest";
import type { AiMessage, AiTool } from "../../gateway/providers/provider.ts";
import { reply, user } from "./asking.ts";

const object = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: "object",
  properties,
  required,
});

const weather: AiTool = {
  ...{ name: "get_weather", description: "Current weather for a city" },
  parameters: object(
    { city: { type: "string" }, unit: { type: "string", enum: ["celsius", "fahrenheit"] } },
    ["city"],
  ),
};
const table: AiTool = {
  ...{ name: "bookTable", description: "Reserve a table in the restaurant" },
  parameters: object(
    {
      party_size: { type: "integer" },
      date: { type: "string" },
      time: { type: "string" },
      outside: { type: "boolean" },
    },
    ["party_size"],
  ),
};
const lights: AiTool = {
  ...{ name: "set_light", description: "Turns a light on or off" },
  parameters: object(
    { on: { type: "boolean" }, room: { type: "string", enum: ["kitchen", "living_room"] } },
    ["on", "room"],
  ),
};
const order: AiTool = {
  ...{ name: "lookup_order", description: "Finds an order by its number" },
  parameters: object({ order_number: { type: "string", description: "the order number" } }, ["order_number"]),
};
const operator: AiTool = { name: "transfer_to_human", description: "Connects the caller with a person" };
const tools = [weather, table, lights, order, operator];

const call = async (said: string, parts: Parameters<typeof reply>[0] = {}) =>
  (await reply({ messages: user(said), tools, ...parts })).toolCalls[0] ?? null;

describe("calling functions", () => {
  it.each([
    ["What's the weather in Paris?", "get_weather", { city: "Paris" }],
    [
      "what is the weather like in new york in fahrenheit",
      "get_weather",
      { city: "new york", unit: "fahrenheit" },
    ],
    ["weather Berlin please", "get_weather", { city: "Berlin" }],
    [
      "I would like to book a table for four people tomorrow at 7 pm",
      "bookTable",
      { party_size: 4, date: "tomorrow", time: "7 pm" },
    ],
    [
      "can you reserve a table outside for 2 on Friday",
      "bookTable",
      { party_size: 2, date: "Friday", outside: true },
    ],
    ["turn the kitchen light on", "set_light", { on: true, room: "kitchen" }],
    ["switch off the light in the living room", "set_light", { on: false, room: "living_room" }],
    ["where is my order A1234", "lookup_order", { order_number: "A1234" }],
    ["I want to talk to a human", "transfer_to_human", {}],
  ])("%s", async (said, name, values) => {
    const made = await call(said);
    expect(made).toMatchObject({ name });
    expect(made?.arguments).toEqual(values);
    expect(made?.callId).toMatch(/^call_.{8,}/);
  });

  it.each([
    "hello",
    "What is the capital of France?",
    "how are you",
    "thank you",
    "stop",
    "what time is it",
    "what can you do",
    "is the sky blue",
  ])("does not call one for %j", async (said) => {
    const { toolCalls, text } = await reply({ messages: user(said), tools });
    expect(toolCalls).toEqual([]);
    expect(text).not.toBe("");
  });

  it("obeys the tool choice", async () => {
    expect(await call("What's the weather in Paris?", { toolChoice: "none" })).toBeNull();
    expect(await call("hello there", { toolChoice: "required", tools: [operator] })).toMatchObject({
      name: "transfer_to_human",
    });
    expect(await call("Paris", { toolChoice: { name: "get_weather" } })).toMatchObject({
      name: "get_weather",
      arguments: { city: "Paris" },
    });
    expect(await call("hello", { toolChoice: { name: "no_such_tool" } })).toBeNull();
  });

  it("asks for what is missing and calls when it was told", async () => {
    const messages: AiMessage[] = user("where is my order");
    const asked = await reply({ messages, tools });
    expect(asked.toolCalls).toEqual([]);
    expect(asked.text).toBe("For that I need to know the order number. What is it?");
    messages.push({ role: "assistant", text: asked.text }, ...user("It's B77."));
    expect((await reply({ messages, tools })).toolCalls[0]).toMatchObject({
      name: "lookup_order",
      arguments: { order_number: "B77" },
    });
  });

  it("takes defaults, constants, lists and nested objects from the schema", async () => {
    const tool: AiTool = {
      ...{ name: "order_pizza", description: "Orders pizza" },
      parameters: object(
        {
          count: { type: "integer" },
          size: { type: "string", enum: ["small", "large", "extra large"] },
          toppings: { type: "array", items: { type: "string", enum: ["mushrooms", "ham"] } },
          channel: { const: "voice" },
          speed: { type: "string", enum: ["slow", "fast"], default: "fast" },
          delivery: { type: "object", properties: { city: { type: "string" } } },
        },
        ["count", "size"],
      ),
    };
    const made = await call("order two extra large pizzas with ham in Rome please", { tools: [tool] });
    expect(made?.arguments).toEqual({
      ...{
        count: 2,
        size: "extra large",
        toppings: ["ham"],
        channel: "voice",
        speed: "fast",
        delivery: { city: "Rome" },
      },
    });
  });

  it.each([
    null,
    "nonsense",
    5,
    { type: "object", properties: { a: true } },
    { required: "a" },
    { properties: { a: null } },
  ])("survives the schema %j", async (parameters) => {
    const { end } = await reply({
      messages: user("frobnicate"),
      tools: [{ name: "frobnicate", parameters }],
      toolChoice: "required",
    });
    expect(end.outcome).toBe("completed");
  });
});

describe("speaking of a function's output", () => {
  const spoken = async (output: string) =>
    (
      await reply({
        tools,
        messages: [
          ...user("what's the weather in Paris"),
          { role: "toolCall", callId: "c", name: "get_weather", arguments: "{}" },
          { role: "toolOutput", callId: "c", output },
        ],
      })
    ).text;

  it.each([
    [
      '{"temperature_c":21,"condition":"sunny"}',
      "The temperature is 21 degrees Celsius and the condition is sunny.",
    ],
    ['{"answer":"It is sunny."}', "It is sunny."],
    ['{"ok":true}', "That is done."],
    ['{"success":false}', "That did not work."],
    ['{"error":"no such city"}', "That did not work: no such city."],
    ['[{"name":"Rome"},{"name":"Milan"}]', "I found Rome and Milan."],
    ["[]", "There is nothing in the result."],
    ["42", "The result is 42."],
    ["", "That is done."],
    ["It rains **a lot**, see https://example.com/x", "It rains a lot, see example dot com."],
    [
      '{"forecast":{"monday":{"high":20}},"isRaining":false}',
      "The forecast is monday high 20 and is raining: no.",
    ],
  ])("%s", async (output, text) => {
    expect(await spoken(output)).toBe(text);
  });

  it("is short, however long the output", async () => {
    const long = JSON.stringify(Array.from({ length: 1000 }, (_, index) => ({ title: `Thing ${index}` })));
    expect((await spoken(long)).length).toBeLessThan(200);
    expect((await spoken("word ".repeat(10_000))).length).toBeLessThan(1000);
  });
});
