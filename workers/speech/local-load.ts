/** What guards the loading of models that were not checked by us: the native library ends its process over one that it can't use. */
import type { EngineSettings } from "./engine-server.ts";
import { ModelError } from "./model-files.ts";

/** After that many deaths over loading in a row, another try is not worth it. */
export const MAX_LOAD_DEATHS = 3;

/** @throws ModelError when the process died over loading this model often enough */
export function refuseDeadly({ loadDeaths = 0 }: Pick<EngineSettings, "loadDeaths">): void {
  if (loadDeaths < MAX_LOAD_DEATHS) return;
  throw new ModelError(
    "model_unavailable",
    `the model can't be loaded: the process died over it ${loadDeaths} times; the log has its last words`,
  );
}
