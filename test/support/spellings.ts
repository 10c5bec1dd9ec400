/** Other spellings of a JSON text, right and wrong ones: what a reader of the usual spelling must leave to the strict one, or read as it does. */
import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

/** Said with every failure, and may be given again. */
export const SEED = Number(process.env['SPELLING_SEED'] ?? randomInt(2 ** 31));

/** Put in, or in the place of a character: what JSON, base64url, numbers and strings are told apart by. */
const PIECES = [
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '\n',
    '\t',
    '\u0000',
    '\u001f',
    '\u007f',
    '.',
    '..',
    '-',
    '_',
    '+',
    '/',
    '=',
  ],
  ...[
    '0',
    '1',
    '9',
    'e3',
    'E0',
    '.0',
    '-0',
    '01',
    '1e3',
    '1e400',
    '99999999999999999999',
    '9007199254740993',
    'A',
    'B',
    'g',
    'h',
    'z',
  ],
  ...['\\"', '\\\\', '\\u0041', '\\u0022', '\\ud800', '\\udc00', '\\ud83d\\ude00', '\\n', '\\/', '\\x41', '\\u004'],
  ...['é', '\u2028', '\ud800', '\udfff', '😀', '\ufeff', '\u00a0', 'ſ', 'K'],
  ...['null', 'true', '{}', '[]', '""', '"x"', '//', '/**/', '<', '$', '\r'],
] as const;

/** Put in between members. */
const MEMBERS = [
  ...[
    '"colour":"red"',
    '"__proto__":{"t":"hello"}',
    '"constructor":1',
    '"toString":"x"',
    '"hasOwnProperty":null',
    '"":0',
  ],
  ...[
    '"t":"command"',
    '"\\u0074":"result"',
    '"T":"x"',
    '"t":1',
    '"ref":"other"',
    '"status":400',
    '"receipt":""',
    '"refusal":"x"',
  ],
  ...[
    '"door":"other-door"',
    '"kid":"x"',
    '"iat":1e3',
    '"iat":-0',
    '"scope":"query"',
    '"jti":null',
    '"id":"c1"',
    '"a":[[[[[[[[1]]]]]]]]',
  ],
] as const;

/** Repeatable choices (Mulberry32). */
export function choices(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Every edit of one place: each character left out, doubled, with a bit turned, or another, and each member of the text left out, doubled, moved and joined by others. */
export function* everySmallEdit(text: string): Generator<string> {
  yield text;
  for (let at = 0; at < text.length; at += 1) {
    const [before, char, after] = [text.slice(0, at), text.charAt(at), text.slice(at + 1)];
    yield before + after;
    yield before + char + char + after;
    for (const bit of [1, 2, 4, 8, 16, 32, 64, 128, 0x100, 0x2000])
      yield before + String.fromCharCode(char.charCodeAt(0) ^ bit) + after;
    for (const other of '-_.0Az" ') yield before + other + after;
  }
  for (const piece of [' ', '\n', '\ufeff', ...PIECES]) yield* [piece + text, text + piece];
  yield* everyOrder(text);
}

function* everyOrder(text: string): Generator<string> {
  const members: readonly string[] = text.slice(1, -1).match(/"[^"]*":(?:"[^"]*"|[^,]*)/g) ?? [];
  const joined = (list: readonly string[]): string => `{${list.join(',')}}`;
  for (const [at, member] of members.entries()) {
    yield joined(members.toSpliced(at, 1));
    for (let to = 0; to <= members.length; to += 1) {
      yield joined(members.toSpliced(to, 0, member));
      yield joined(members.toSpliced(at, 1).toSpliced(to, 0, member));
    }
    for (const value of [...PIECES, '200', '400', '200.0', '2e2', '"200"', '0', '""']) {
      yield joined(members.with(at, `${member.slice(0, member.indexOf(':') + 1)}${value}`));
      yield joined(members.with(at, `${member.slice(0, member.indexOf(':') + 1)}"${value}"`));
    }
  }
  for (let at = 0; at <= members.length; at += 1)
    for (const other of MEMBERS) yield joined(members.toSpliced(at, 0, other));
}

/** Some edits at once, anywhere. */
export function* manyEdits(text: string, count: number, below: (limit: number) => number): Generator<string> {
  for (let done = 0; done < count; done += 1) {
    let edited = text;
    for (let edits = 1 + below(4); edits > 0; edits -= 1) edited = edit(edited, below);
    yield edited;
  }
}

function edit(text: string, below: (limit: number) => number): string {
  const at = below(text.length + 1);
  const length = below(3) === 0 ? below(40) : below(2);
  const piece = below(4) === 0 ? (MEMBERS[below(MEMBERS.length)] ?? '') + ',' : (PIECES[below(PIECES.length)] ?? '');
  // Where a member ends is where a change is most likely to leave JSON behind.
  const place = below(3) === 0 ? text.indexOf(',', at) + 1 : at;
  return text.slice(0, place) + (below(3) === 0 ? '' : piece) + text.slice(place + length);
}

/** Both readers on each text; throws with the first one they do not agree about. Returns how many were read, and how many of them were taken. */
export function compareReaders<Value>(
  texts: Iterable<string>,
  read: (text: string) => Value,
  readStrictly: (text: string) => Value,
  isTaken: (value: Value) => boolean,
): { texts: number; taken: number } {
  const tally = { texts: 0, taken: 0 };
  for (const text of texts) {
    const [value, strict] = [read(text), readStrictly(text)];
    if (!isDeepStrictEqual(value, strict))
      throw new Error(
        `${JSON.stringify(text)} is read as ${JSON.stringify(value)}, strictly ${JSON.stringify(strict)}`,
      );
    tally.texts += 1;
    if (isTaken(strict)) tally.taken += 1;
  }
  return tally;
}

/** Runs `work` while nothing can be parsed as JSON: what it reads all the same was read by its spelling alone. */
export function withoutJson<Value>(work: () => Value): Value {
  const { parse } = JSON;
  JSON.parse = () => {
    throw new SyntaxError('no JSON just now');
  };
  try {
    return work();
  } finally {
    JSON.parse = parse;
  }
}
