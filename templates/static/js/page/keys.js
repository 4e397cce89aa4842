// Keys that are an input method's own: Enter chooses a word, arrows move among candidates, and neither is meant for us.

/** Whether a key belongs to a composition. Safari tells the Enter that ends one after its end, with the old code 229. */
export const composing = (event) => event.isComposing || event.keyCode === 229;
