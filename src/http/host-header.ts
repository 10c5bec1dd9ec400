import type { IncomingMessage } from 'node:http';

import { OpenLockError } from '../protocol/problem.js';

/**
 * Exactly one `Host` (RFC 9112 3.2), or none in HTTP/1.0: of two, a proxy in front may believe the other one. Node keeps the
 * first without a word. Throws `invalid_request`.
 */
export function checkHost({ rawHeaders, httpVersion }: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>): void {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() === 'host') hosts += 1;
  if (hosts > 1) throw new OpenLockError('invalid_request', 'There is more than one Host header.');
  if (hosts === 0 && httpVersion === '1.1') throw new OpenLockError('invalid_request', 'The Host header is missing.');
}
