/**
 * JSON as the protocol wants it: duplicate member names, excessive depth, broken UTF-8 and lone surrogates are refused
 * (what two programs could read two ways). `JSON.parse` decides what is JSON; the scan below only finds what it
 * silently accepts.
 */

/** Why a text was refused; safe to show to the sender. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
}

const DEFAULT_MAX_DEPTH = 8;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8, refusing invalid sequences (and keeping a BOM, which JSON.parse then refuses). */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new StrictJsonError('not valid UTF-8');
  }
}

/** Parses JSON; throws {@link StrictJsonError} for a syntax error, a duplicate member name, or nesting past `maxDepth`. */
export function parseStrictJson(text: string, maxDepth: number = DEFAULT_MAX_DEPTH): unknown {
  // The scan runs first: it is iterative and bounded by maxDepth, so hostile nesting never reaches a recursive parser.
  scan(text, maxDepth);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new StrictJsonError('not valid JSON');
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** One left-to-right pass over the tokens that matter: braces, brackets and strings. */
function scan(text: string, maxDepth: number): void {
  const namesByDepth: (Set<string> | undefined)[] = [];
  // Hardly any frame has an escape: without one, strings are skipped at the speed of a native search.
  const hasEscapes = text.includes('\\');
  let at = 0;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const end = hasEscapes ? endOfString(text, at) : endOfPlainString(text, at);
      const names = namesByDepth[namesByDepth.length - 1];
      if (names !== undefined && isMemberName(text, end)) addName(names, text.slice(at, end));
      at = end;
      continue;
    }
    if (char === 0x7b || char === 0x5b) {
      if (namesByDepth.length >= maxDepth) throw new StrictJsonError(`nested deeper than ${maxDepth}`);
      namesByDepth.push(char === 0x7b ? new Set() : undefined);
    } else if (char === 0x7d || char === 0x5d) {
      namesByDepth.pop();
    }
    at += 1;
  }
}

/** As {@link endOfString}, for a text without a backslash. */
function endOfPlainString(text: string, start: number): number {
  const end = text.indexOf('"', start + 1);
  if (end < 0) throw new StrictJsonError('not valid JSON');
  return end + 1;
}

/** Index just past the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) return at + 1;
    if (char !== BACKSLASH) continue;
    const unit = escapedUnit(text, at);
    if (unit >= 0xdc00 && unit <= 0xdfff) throw new StrictJsonError('a lone surrogate');
    if (unit < 0xd800 || unit > 0xdbff) {
      at += 1;
      continue;
    }
    const low = escapedUnit(text, at + 6);
    if (low < 0xdc00 || low > 0xdfff) throw new StrictJsonError('a lone surrogate');
    at += 11;
  }
  throw new StrictJsonError('not valid JSON');
}

/** The code unit a `\uXXXX` escape at `at` stands for; -1 when none stands there. */
function escapedUnit(text: string, at: number): number {
  if (text.charCodeAt(at) !== BACKSLASH || text.charCodeAt(at + 1) !== 0x75) return -1;
  const digits = text.slice(at + 2, at + 6);
  return /^[0-9A-Fa-f]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
}

/** A string is a member name exactly when a colon follows it. */
function isMemberName(text: string, end: number): boolean {
  for (let at = end; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09) continue;
    return char === COLON;
  }
  return false;
}

function addName(names: Set<string>, quoted: string): void {
  // `"a"` and `"\u0061"` are the same name, so names with escapes are compared decoded.
  const name = quoted.includes('\\') ? decodeName(quoted) : quoted;
  if (names.has(name)) throw new StrictJsonError('duplicate member name');
  names.add(name);
}

function decodeName(quoted: string): string {
  try {
    return JSON.stringify(JSON.parse(quoted));
  } catch {
    throw new StrictJsonError('not valid JSON');
  }
}
