export { createScriptedAi as createEmbeddedAi } from "./scripted.ts";
