// Which exercises this reader has passed: kept on the device only. Knows no exercise.
import { askToKeep, keep, kept, today } from "../page/kept.js";

export const isPassed = (name) => kept("passed").includes(name);

/** Whether what was passed is what stands there now. Of what was passed long ago nobody knows. */
export function isOutdated(name, of) {
  const then = kept("passes")[name]?.of;
  return then !== undefined && then !== of;
}

export function markPassed(name, of) {
  keep("passed", (names) => [...new Set([...names, name])]);
  keep("passes", (table) => ({ ...table, [name]: { day: today(), of } }));
  askToKeep();
}
