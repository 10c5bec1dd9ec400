import { ProcessError } from '../../host/process-error.js';
import { CommandFailure } from './failure.js';
import { callableHost } from './relay-address.js';

/** An error of the operating system, such as a port that is taken. */
export interface SystemError extends Error {
  readonly code: string;
  readonly port?: number;
  readonly address?: string;
}

export function systemErrorOf(error: unknown): SystemError | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? (error as SystemError)
    : undefined;
}

/** Why a relay could not start, or not stop, in words. */
export function startFailure(error: unknown): unknown {
  if (error instanceof ProcessError) {
    const { code, detail, ...extras } = error.failure;
    return new CommandFailure(code, detail, extras);
  }
  const failure = systemErrorOf(error);
  if (failure?.port === undefined) return error;
  const where = `Port ${failure.port} on ${callableHost(failure.address ?? '') === failure.address ? failure.address : 'this machine'}`;
  if (failure.code === 'EADDRINUSE')
    return new CommandFailure(
      'port_in_use',
      `${where} is taken; choose another with OPENLOCK_PORT or OPENLOCK_METRICS_PORT (0: any free one).`,
    );
  if (failure.code === 'EACCES')
    return new CommandFailure(
      'port_forbidden',
      `${where} needs more rights than this user has; choose one above 1023 with OPENLOCK_PORT.`,
    );
  if (failure.code === 'EADDRNOTAVAIL')
    return new CommandFailure('address_unavailable', `${where}: this machine has no such address; see OPENLOCK_HOST.`);
  return error;
}
