/**
 * Text from outside (door names, origins, event data, details of errors) made safe for a terminal: nothing in it may move
 * the cursor, recolour, reorder (bidirectional marks) or hide (zero width) what the operator reads (protocol 11.2).
 */

/** Control (Cc), format (Cf: bidi, zero width, tags), line and paragraph separators, lone surrogates. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Shows each such character as its escape, so that nothing is lost and nothing acts. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u{${code.toString(16)}}`;
  });
}

/** JSON on one line with the same characters as JSON escapes: the value is unchanged, the text is harmless. */
export function visibleJson(value: unknown): string {
  // JSON.stringify has escaped C0 and lone surrogates already; what is left stands inside strings only.
  return JSON.stringify(value).replace(INVISIBLE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
