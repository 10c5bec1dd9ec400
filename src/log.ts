import { pino, type DestinationStream, type Logger } from 'pino';

import type { LogLevel } from './config.js';

/** Members that never reach a log line, wherever they stand one or two levels deep. */
const SECRETS = [
  'password',
  'accessToken',
  'refreshToken',
  'sessionToken',
  'enrolmentToken',
  'token',
  'code',
  'jwe',
  'receipt',
  'proof',
  'authorization',
  'cookie',
];

/** JSON lines on standard error (standard output belongs to commands). Every line about a request carries its `requestId`. */
export function createLog(
  level: LogLevel,
  nodeId: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: false }),
): Logger {
  return pino(
    {
      level,
      base: { node: nodeId },
      redact: {
        paths: SECRETS.filter((name) => name !== 'code').flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    destination,
  );
}
