// Puts the arrays of a worker's answer back into its JSON. Pure.

const TYPES = { float64: Float64Array, float32: Float32Array };

/** {json, bytes} → views; a 1-D array becomes a typed array, a 2-D one an array of typed rows. */
export function reviveViews({ json, bytes }) {
  return JSON.parse(json, (_, value) => (value?.$array ? revive(value, bytes.buffer) : value));
}

function revive({ $array, offset, shape }, buffer) {
  const size = shape.reduce((product, n) => product * n, 1);
  return nest(new TYPES[$array](buffer, offset, size), shape);
}

function nest(flat, shape) {
  if (shape.length === 0) return flat[0];
  if (shape.length === 1) return flat;
  const step = flat.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => nest(flat.subarray(i * step, (i + 1) * step), shape.slice(1)));
}
