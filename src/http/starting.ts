/** Answers while the relay is still starting: the port is open, since it may have been chosen when taken, and nothing else is. */
import type { Random } from '../clock.js';
import { OpenLockError, toProblemBody } from '../protocol/problem.js';
import { commonHeaders } from './answering.js';
import type { RequestHandler } from './router.js';

const HEADERS = commonHeaders(false);

export function createStartingHandler(random: Random): RequestHandler {
  return (_request, response) => {
    const requestId = random.bytes(12).toString('base64url');
    const error = new OpenLockError('store_unavailable', 'The relay is starting; try again shortly.', {
      retryAfterMs: 1000,
    });
    response.writeHead(error.status, [
      ...['X-Request-Id', requestId, ...HEADERS],
      ...['Content-Type', 'application/problem+json', 'Retry-After', '1'],
    ]);
    response.end(JSON.stringify(toProblemBody(error, requestId)));
  };
}
