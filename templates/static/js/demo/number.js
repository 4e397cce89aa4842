// Reads a number as people write it: 0,5 and 1.234,5, 128k, −3, ١٢٨, 1/2. What can be read in two ways is read as what
// the control can show; what is no number gives NaN, never a part of it. Pure.

const SCALES = { k: 1e3, K: 1e3, M: 1e6, G: 1e9, B: 1e9, b: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const SIGN = "[-+]?";
const BODY = String.raw`(?:\d[\d\s.,'’_]*|[.,]\d+)`;
const NUMBER = new RegExp(String.raw`^(${SIGN}) ?(${BODY})(?:e(${SIGN}\d+))?(?: ?\/ ?(${BODY}))?(.*)$`, "i");

/** The number that a text means beside a control: `stops` are the numbers that it can show, `unit` may be written too. */
export function readNumber(text, stops, unit = "") {
  const [, sign, body, exponent, divisor, rest] = plain(text).match(NUMBER) ?? [];
  const scale = body && scaleOf(rest.trim(), unit);
  if (!scale) return NaN;
  const tops = readings(body.trim());
  const bottoms = divisor ? readings(divisor.trim()) : [1];
  const power = Number(`1e${exponent ?? 0}`);
  const able = tops.flatMap((top) => bottoms.map((bottom) => (Number(`${sign}1`) * top * scale * power) / bottom));
  return fitting(able.filter(Number.isFinite), stops);
}

/** Digits of every script, signs and points as JavaScript writes them; marks that only steer the direction go. */
function plain(text) {
  return text
    .replace(/\p{Cf}/gu, "")
    .replace(/\p{Nd}/gu, digit)
    .replace(/[−‐‑–—﹣－]/g, "-")
    .replace(/[．٫]/g, ".")
    .replace(/[，]/g, ",")
    .replace(/[٬＇]/g, "'")
    .replace(/[＋]/g, "+")
    .replace(/[⁄∕／]/g, "/")
    .replace(/\s+/g, " ")
    .trim();
}

// The digits of a script follow each other from its nought on.
function digit(sign) {
  let nought = sign.codePointAt(0);
  while (/\p{Nd}/u.test(String.fromCodePoint(nought - 1))) nought -= 1;
  return String((sign.codePointAt(0) - nought) % 10);
}

/** What stands after the digits multiplies them (128k, 2 Gi), names the unit, or is not understood: 0. */
function scaleOf(rest, unit) {
  const names = (text) => text === "" || unit.toLowerCase().startsWith(text.toLowerCase());
  if (names(rest)) return 1;
  const [, scale, more] = rest.match(/^([kKMGTBb]i?)(.*)$/) ?? [];
  return names((more ?? "?").trim()) ? (SCALES[scale] ?? 0) : 0;
}

/** The values of digits with points, commas and spaces: none, one, or two where a single group of three could be either. */
function readings(body) {
  const marks = [...new Set(body.replace(/\d/g, ""))];
  const [first, last] = [marks[0], marks.at(-1)];
  const once = (mark) => body.split(mark).length === 2;
  if (!marks.length) return [Number(body)];
  if (marks.length > 2) return [];
  if (marks.length === 2) return /[.,]/.test(last) && once(last) ? decimal(body, last, (whole) => grouped(whole, first)) : [];
  const inGroups = grouped(body, first);
  if (!/[.,]/.test(first)) return inGroups;
  const pointed = once(first) ? decimal(body, first, (whole) => [Number(whole)]) : [];
  return first === "," ? [...inGroups, ...pointed] : [...pointed, ...inGroups]; // as the page itself writes it
}

function decimal(body, mark, wholes) {
  const [whole, fraction] = body.split(mark);
  return /^\d*$/.test(fraction) ? wholes(whole || "0").map((value) => Number(`${value}.${fraction}`)) : [];
}

// 1,234,567, and 12,34,567 as it is written in India
function grouped(body, mark) {
  const groups = body.split(mark);
  const good = /^[1-9]\d{0,2}$/.test(groups[0]) && groups.at(-1).length === 3 && groups.slice(1).every((group) => /^\d{2,3}$/.test(group));
  return good ? [Number(groups.join(""))] : [];
}

/** Of the readings the one that is a stop, else one within the range, else the first; NaN of none. */
function fitting(able, stops) {
  const [low, high] = [Math.min(...stops), Math.max(...stops)];
  return able.find((value) => stops.includes(value)) ?? able.find((value) => low <= value && value <= high) ?? able[0] ?? NaN;
}
