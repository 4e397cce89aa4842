// Puts a text where the reader can paste it from. Knows nothing of the text.

/** Copy a text that may still be on its way; resolves to whether it was. To be called in the click itself, before anything
 *  is awaited: Safari has forgotten the click by then, and takes a promise instead. */
export async function copyText(text) {
  try {
    const { clipboard } = navigator;
    const plain = async () => new Blob([await text], { type: "text/plain" });
    if (clipboard.write && globalThis.ClipboardItem) await clipboard.write([new ClipboardItem({ "text/plain": plain() })]);
    else await clipboard.writeText(await text);
    return true;
  } catch {
    return false; // plain http has no clipboard, and a browser may refuse
  }
}
