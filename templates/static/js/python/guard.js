// Interrupts Python from within: the reader's own code may never end. Knows Pyodide's interrupt buffer and the clock.
//
// Pyodide looks at index 0 of its interrupt buffer every few dozen bytecodes and raises KeyboardInterrupt on a 2. Any
// object will do: here it is a getter, which looks at the clock, and at a token (a blob URL) that the page revokes
// when the reader presses Stop: a busy worker receives no messages, but it can ask whether a URL still exists.

const FIRST_LOOK = 100; // ms before the token is asked for the first time: most runs are over by then
const NEXT_LOOK = 50;

let install;
let raised = false; // once a task: a second interrupt would lose the traceback

/** Remember the interpreter whose interrupt buffer is used. */
export function guardWith(pyodide) {
  install = (buffer) => pyodide.setInterruptBuffer(buffer);
}

/** Run a task; Python in it gets a KeyboardInterrupt after `deadline` ms, or when the token is revoked. */
export function guarded({ deadline, token }, task) {
  const began = performance.now();
  let look = began + FIRST_LOOK;
  raised = false;
  const due = () => {
    const now = performance.now();
    if (raised || (now < began + deadline && !(now > look && revoked(token)))) {
      if (now > look) look = now + NEXT_LOOK;
      return 0;
    }
    raised = true;
    return 2;
  };
  // without the setter Python never stops: Pyodide clears the index after it has read it
  install(Object.defineProperty({}, 0, { get: due, set() {} }));
  try {
    return task();
  } finally {
    install(undefined);
  }
}

/** Whether the last guarded task was interrupted from here: code may raise KeyboardInterrupt itself. */
export const wasInterrupted = () => raised;

function revoked(token) {
  const request = new XMLHttpRequest();
  try {
    request.open("GET", token, false);
    request.send();
    return false;
  } catch {
    return true;
  }
}
