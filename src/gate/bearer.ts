/** RFC 6750 2.1: one grammar for every way in. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,4096}=*) *$/i;

/** The token of an `Authorization` header; `''` when there is a header without a well-formed one, `undefined` without a header. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : (BEARER.exec(authorization)?.[1] ?? '');
}
