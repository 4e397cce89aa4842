// Which functions the reader has replaced in this tab. Knows neither Python nor the editor.
//
// An edit is active from a Run that worked until Reset, another page, or a run that had to be stopped: code that
// hung once is not put back into a fresh Python.

const edits = new Map(); // target → code
const listeners = new Set();

export const activeEdits = () => [...edits].map(([edit, code]) => ({ edit, code }));

export const isActive = (target) => edits.has(target);

export function activateEdit(target, code) {
  edits.set(target, code);
}

export function deactivateEdit(target) {
  edits.delete(target);
}

/** All edits out, with the reason; each editor that had one is told. */
export function deactivateEdits(why) {
  const lost = [...edits.keys()];
  edits.clear();
  for (const listener of listeners) if (lost.length) listener(lost, why);
}

export function onDeactivated(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
