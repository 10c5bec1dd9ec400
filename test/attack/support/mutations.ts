/** Small damage to what was valid: where parsers go wrong is near the truth, not in noise. */
import type { Seeded } from './seeded.js';

const ODD_TEXTS = [
  '',
  '\u0000',
  '\\u0000',
  '\ud800',
  '"',
  '\\',
  '{',
  '}',
  '[[[[[[[[[[',
  ',',
  '.',
  '=',
  ' ',
  '\r\n',
  '\u2028',
  'é',
  '__proto__',
  '1e999',
  '-0',
  'null',
  '\u202e',
  'A'.repeat(300),
];
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  '',
  'x',
  'x'.repeat(5000),
  [],
  {},
  ['front-door'],
  [[[[[[[[[[1]]]]]]]]]],
  { toString: 1 },
  '\u0000',
  '../../etc/passwd',
  'front-door\n',
];

/** The text with one to three small changes. */
export function mutateText(random: Seeded, text: string): string {
  let changed = text;
  for (let count = 1 + random.below(3); count > 0; count -= 1) changed = changeOnce(random, changed);
  return changed;
}

function changeOnce(random: Seeded, text: string): string {
  const at = random.below(text.length + 1);
  const length = random.below(Math.min(40, text.length - at + 1));
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(at + Math.max(1, length));
    case 1:
      return text.slice(0, at) + random.pick(ODD_TEXTS) + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
    case 3:
      return text.slice(0, at);
    case 4:
      return text.slice(0, at) + String.fromCharCode(32 + random.below(95)) + text.slice(at + 1);
    default:
      return text.slice(0, at) + random.pick(ODD_TEXTS) + text.slice(at + length);
  }
}

/** The object with one member gone, replaced, renamed or added; as text, now and then with a member twice. */
export function mutateObject(random: Seeded, object: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(object);
  const name = random.pick(names);
  const others = Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
  switch (random.below(5)) {
    case 0:
      return JSON.stringify(others);
    case 1:
      return JSON.stringify({ ...object, [name]: random.pick(ODD_VALUES) });
    case 2:
      return JSON.stringify({ ...others, [name.toUpperCase()]: object[name] });
    case 3:
      return JSON.stringify({ ...object, [random.pick(['extra', 'constructor', 'crit'])]: random.pick(ODD_VALUES) });
    default:
      return JSON.stringify(object).replace(
        '{',
        `{${JSON.stringify(name)}:${JSON.stringify(random.pick(ODD_VALUES))},`,
      );
  }
}

/** The bytes with one to four of them changed, and now and then cut or doubled. */
export function mutateBytes(random: Seeded, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = 1 + random.below(4); count > 0; count -= 1)
    changed[random.below(changed.length)] = random.below(256);
  const how = random.below(6);
  if (how === 0) return changed.subarray(0, 1 + random.below(changed.length));
  return how === 1 ? Buffer.concat([changed, changed]) : changed;
}
