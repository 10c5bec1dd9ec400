import { OpenLockError } from '../protocol/problem.js';

/**
 * Normalises a website to its origin (protocol 3.1): scheme, host (punycode, lower case, no trailing dot), port. User info,
 * a path, a query or a fragment are refused: `undefined`. Plain http only where `allowHttp` says so.
 */
export function normaliseOrigin(website: string, options: { readonly allowHttp: boolean }): string | undefined {
  // WHATWG URL silently drops white space and control characters, and reads back-slashes as slashes; whoever sends those
  // does not mean an origin.
  if (!/^https?:\/\/[^\s\p{Cc}\\/?#@]+\/?$/iu.test(website)) return undefined;
  let url: URL;
  try {
    url = new URL(website);
  } catch {
    return undefined;
  }
  if (url.protocol !== 'https:' && !(options.allowHttp && url.protocol === 'http:')) return undefined;
  // The root's one dot may be written; two are an empty label, and `127.0.0..` would become an address.
  if (url.hostname.endsWith('..')) return undefined;
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  // A name that is no name without its dot keeps it; such a host does not exist.
  if (url.hostname === '' || url.hostname.endsWith('.')) return undefined;
  return url.origin;
}

/** A browser may only act for the website its page comes from (protocol 3.6); throws `forbidden_origin`. */
export function requireOrigin(origin: string, context: { readonly origin: string | undefined }): void {
  if (context.origin !== undefined && context.origin !== origin) {
    throw new OpenLockError('forbidden_origin', 'A page of another website may not do this.');
  }
}
