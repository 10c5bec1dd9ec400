/** Other texts that lenient readers take for the same JWE. */
export function spellings(jwe: string): readonly string[] {
  const parts = jwe.split('.');
  const withPart = (index: number, change: (part: string) => string): string =>
    parts.map((part, at) => (at === index ? change(part) : part)).join('.');
  const header = Buffer.from(parts[0] ?? '', 'base64url').toString();
  const reHeader = (text: string): string => withPart(0, () => Buffer.from(text).toString('base64url'));
  return [
    ...['=', '==', ' ', '\n', '\r\n', '\t', '\u0000', '.', '%3D'].flatMap((tail) => [`${jwe}${tail}`, `${tail}${jwe}`]),
    ...parts.flatMap((part, index) => [
      withPart(index, () => `${part}=`),
      withPart(index, () => `${part}\n`),
      withPart(index, () => `${part.slice(0, 3)} ${part.slice(3)}`),
      // Non-zero trailing bits decode to the same bytes.
      ...(part.length % 4 === 0
        ? []
        : [withPart(index, () => `${part.slice(0, -1)}${nextInAlphabet(part.at(-1) ?? '')}`)]),
    ]),
    ...(/[-_]/.test(jwe) ? [jwe.replaceAll('-', '+').replaceAll('_', '/')] : []),
    reHeader(header.replace('{', '{ ')),
    reHeader(`${header}\n`),
    reHeader(header.replace('"alg"', '"\\u0061lg"')),
    reHeader(header.replace('{', '{"alg":"RSA-OAEP-256",')),
    reHeader(header.replace('}', ',"zip":"DEF"}')),
  ];
}

function nextInAlphabet(char: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt((alphabet.indexOf(char) + 1) % 64);
}
