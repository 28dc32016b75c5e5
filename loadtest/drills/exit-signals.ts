/** Signals that end a process: by themselves they do it without `exit`, whose listeners end what it has started. */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Makes them exit, with the codes that shells know. @returns undoes it */
export function exitOnSignals(): () => void {
  const listeners = Object.entries(exitCodes).map(([signal, code]) => {
    const listener = () => process.exit(code);
    process.once(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const remove of listeners) remove();
  };
}
