// Which exercises this reader has passed: kept on the device only. Knows no exercise.

const KEY = "llm-internals:passed"; // the origin may be shared with other projects

let kept = read(); // where nothing can be stored, this tab still remembers

function read() {
  try {
    const names = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

export const isPassed = (name) => kept.includes(name);

export function markPassed(name) {
  kept = [...new Set([...read(), ...kept, name])];
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // private mode: remembered until the tab closes
  }
}
