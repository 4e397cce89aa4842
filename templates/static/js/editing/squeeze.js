// Text small enough for an address: deflate, then base64 with the letters that an address may hold. Pure.

const MOST = 20_000; // characters: what a link unfolds to is bounded, whatever it claims to be

/** A text as letters, digits, "-" and "_"; null when it is longer than what would be unfolded. */
export async function squeeze(text) {
  if (text.length > MOST) return null;
  const deflated = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(deflated).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The text of a squeezed one; null when it is none, or unfolds to more than a page of code. */
export async function unsqueeze(letters) {
  try {
    const bytes = Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return await readText(inflated.pipeThrough(new TextDecoderStream("utf-8", { fatal: true })));
  } catch {
    return null;
  }
}

async function readText(stream) {
  const reader = stream.getReader();
  let text = "";
  for (let step; !(step = await reader.read()).done; ) {
    text += step.value;
    if (text.length > MOST) {
      reader.cancel().catch(() => {});
      return null;
    }
  }
  return text;
}
