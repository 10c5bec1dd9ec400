import { UnreachableError } from './errors.js';

/** What the platform knows of a failed connection: Node's codes, wherever in the chain of causes they stand. */
interface PlatformFailure {
  readonly code: string;
  readonly syscall: string;
}

const CERTIFICATE_CODES = /CERT|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PERMITTED_VIOLATION/;
const CONNECTING = ['connect', 'getaddrinfo'];
const ABSENT_CODES = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];
const DEEPEST_CAUSE = 5;

/** The error of a connection that failed, told apart as far as the platform lets us know; `cause` is kept. */
export function unreachable(cause: unknown): UnreachableError {
  const { code, syscall } = failureOf(cause) ?? { code: '', syscall: '' };
  // Codes of OpenSSL itself (an alert, no TLS at all) are not about trust.
  if (CERTIFICATE_CODES.test(code) && !code.startsWith('ERR_SSL_'))
    return new UnreachableError(
      'certificate_untrusted',
      `the certificate at the relay's address is not trusted here (${code}); if it is the relay's own authority, make it known to this machine`,
      false,
      cause,
    );
  if (ABSENT_CODES.includes(code) || CONNECTING.includes(syscall))
    return new UnreachableError('relay_absent', `there is no relay at this address (${code})`, false, cause);
  return new UnreachableError(
    'network',
    code === '' ? WHAT_BROWSERS_HIDE : `the connection to the relay failed (${code})`,
    true,
    cause,
  );
}

const WHAT_BROWSERS_HIDE =
  "the relay could not be reached, and the platform does not say why: it may be away, its certificate may not be trusted here, or the page's content security policy may forbid it; the browser's console knows";

/** True when the platform gave no reason, as browsers do: they keep it from the page. */
export function isUnexplained(cause: unknown): boolean {
  return failureOf(cause) === undefined;
}

function failureOf(thrown: unknown): PlatformFailure | undefined {
  let error = thrown;
  for (let depth = 0; depth < DEEPEST_CAUSE && typeof error === 'object' && error !== null; depth += 1) {
    const { code, syscall, cause, errors } = error as Readonly<Record<string, unknown>>;
    if (typeof code === 'string') return { code, syscall: typeof syscall === 'string' ? syscall : '' };
    error = cause ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined);
  }
  return undefined;
}
