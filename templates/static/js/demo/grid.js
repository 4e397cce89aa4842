// Precomputed frames of a demo's headline slider (written by builder/figure/grid.py): an answer before Python's.
import { downloadJson, twice } from "../net/file.js";

const grids = new Map(); // url → promise of a Grid or null

/** The grid at a URL; null when the demo has none or it can't be had. Then Python has to answer, or to say why not. */
export function loadGrid(url) {
  if (!url) return Promise.resolve(null);
  if (!grids.has(url)) grids.set(url, fetchGrid(url));
  return grids.get(url);
}

async function fetchGrid(url) {
  try {
    const file = { url: new URL(url, document.baseURI).href };
    return new Grid(await twice((how) => downloadJson(file, how)));
  } catch {
    grids.delete(url); // a later move tries again
    return null;
  }
}

class Grid {
  constructor(data) {
    Object.assign(this, data); // control, args (the others, fixed), stops, base, frames
  }

  /** The frame nearest to these arguments, or null when another control has moved from its default. */
  frameFor({ [this.control]: wanted, ...others }) {
    if (JSON.stringify(others) !== JSON.stringify(this.args)) return null;
    const distance = (i) => Math.abs(this.stops[i] - wanted);
    const nearest = this.stops.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
    const views = structuredClone(this.base);
    for (const [path, value] of this.frames[nearest]) assign(views, path, value);
    return { at: this.stops[nearest], views };
  }
}

function assign(root, path, value) {
  const parent = path.slice(0, -1).reduce((node, key) => node[key], root);
  parent[path.at(-1)] = value;
}
