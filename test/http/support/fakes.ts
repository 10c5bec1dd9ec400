/** The rest of the relay, pretended: every answer can be replaced by a test, and what was asked is written down. */
import type { Random } from '../../../src/clock.js';
import type { Caller, OperatorPrincipal, SitePrincipal } from '../../../src/principal.js';
import type { Refusal } from '../../../src/audit/trail.js';
import { OpenLockError } from '../../../src/protocol/problem.js';
import type { GateDependencies, GateMetrics } from '../../../src/gate/gate.js';
import type { CommandApi, DoorApi, HttpLog, OperatorApi, SiteApi } from '../../../src/http/services.js';

export const ORIGIN = 'https://site.example';
export const OTHER_ORIGIN = 'https://other.example';
export const DOOR = 'front-door';
export const COMMAND_ID = 'A'.repeat(43);
export const KID = 'A'.repeat(43);

export const caller: SitePrincipal = {
  kind: 'site',
  siteId: 'site-1',
  sessionId: 'session-1',
  origin: ORIGIN,
  expiresAt: 2_000_000_000_000,
};

export const operator: OperatorPrincipal = {
  kind: 'operator',
  sessionId: 'session-0',
  origin: 'https://relay.example',
  expiresAt: 2_000_000_000_000,
};

const TOKENS = {
  accessToken: 'good',
  tokenType: 'Bearer',
  expiresInSeconds: 900,
  refreshToken: 'refresh-2',
  refreshExpiresInSeconds: 2_592_000,
  site: { id: 'site-1', origin: ORIGIN, email: 'someone@site.example' },
} as const;

type Gated = GateDependencies['sites'];

export class FakeSites implements SiteApi, Gated {
  readonly admitted: { caller: Caller; cost: number | undefined }[] = [];
  readonly knownOrigins = new Set([ORIGIN, OTHER_ORIGIN]);
  readonly logins = new Map([['login-1', ORIGIN]]);
  readonly revoked: string[] = [];
  isKnownCalls = 0;
  storeAway = false;
  refuseAdmission: OpenLockError | undefined;

  login: SiteApi['login'] = (request) =>
    Promise.resolve({
      loginId: 'login-1',
      expiresInSeconds: 600,
      website: {
        origin: request.website,
        challenge: { path: '/.well-known/openlock-challenge.txt', token: 'challenge' },
      },
    });
  token: SiteApi['token'] = (request) =>
    request.code === '12345678'
      ? Promise.resolve(TOKENS)
      : Promise.reject(new OpenLockError('unauthenticated', 'Wrong code.'));
  refresh: SiteApi['refresh'] = (refreshToken) =>
    refreshToken === 'refresh-1'
      ? Promise.resolve(TOKENS)
      : Promise.reject(new OpenLockError('unauthenticated', 'No such token.'));
  revoke: SiteApi['revoke'] = (who) => {
    this.revoked.push(who.sessionId);
    return Promise.resolve();
  };
  authenticate: Gated['authenticate'] = (token) => {
    if (token === 'operator') return operator;
    if (token === 'expired') throw new OpenLockError('token_expired', 'The token has expired.');
    if (token !== 'good') throw new OpenLockError('unauthenticated', 'The token is not valid.');
    return caller;
  };
  admit: Gated['admit'] = (who, cost) => {
    this.admitted.push({ caller: who, cost });
    return this.refuseAdmission === undefined ? Promise.resolve() : Promise.reject(this.refuseAdmission);
  };
  originOfLogin: SiteApi['originOfLogin'] = (loginId) => Promise.resolve(this.logins.get(loginId));
  isKnownOrigin: SiteApi['isKnownOrigin'] = (origin) => {
    this.isKnownCalls += 1;
    return this.storeAway
      ? Promise.reject(new OpenLockError('store_unavailable', 'away'))
      : Promise.resolve(this.knownOrigins.has(origin));
  };
  jwks: SiteApi['jwks'] = () => ({ keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: KID }] });
}

export class FakeDoors implements DoorApi {
  readonly #summary = {
    doorId: DOOR,
    name: 'Front door',
    role: 'user',
    online: true,
    lastSeen: 1_700_000_000_000,
  } as const;

  challenge: DoorApi['challenge'] = () => ({ nonce: 'nonce', expiresInSeconds: 60, time: 1_700_000_000_000 });
  register: DoorApi['register'] = (request) =>
    request.proof === 'good'
      ? Promise.resolve({
          sessionToken: 'session',
          expiresInSeconds: 86_400,
          socketPath: '/v1/devices/socket',
          keepAliveSeconds: 10,
          time: 1_700_000_000_000,
          kid: KID,
        })
      : Promise.reject(new OpenLockError('unauthenticated', 'The proof is not good.'));
  list: DoorApi['list'] = () => Promise.resolve([this.#summary]);
  get: DoorApi['get'] = (_caller, doorId) =>
    doorId === DOOR
      ? Promise.resolve(this.#summary)
      : Promise.reject(new OpenLockError('door_not_found', 'No such door.'));
  key: DoorApi['key'] = async (who, doorId) => {
    await this.get(who, doorId);
    return {
      doorId,
      kid: KID,
      publicKey: '-----BEGIN PUBLIC KEY-----',
      jwk: { kty: 'RSA', n: 'n', e: 'AQAB' },
      registeredAt: 1_700_000_000_000,
    };
  };
}

export class FakeCommands implements CommandApi {
  readonly submitted: { doorId: string; jwe: string; requestId: string }[] = [];

  constructor(private readonly doors: FakeDoors) {}

  submit: CommandApi['submit'] = async (who, doorId, jwe, context) => {
    await this.doors.get(who, doorId);
    this.submitted.push({ doorId, jwe, requestId: context.requestId });
    if (jwe === 'refused') {
      throw new OpenLockError('door_refused', 'The door said no.', {
        commandId: COMMAND_ID,
        state: 'refused',
        doorStatus: 400,
        receipt: 'receipt',
      });
    }
    return { commandId: COMMAND_ID, state: 'executed', status: 200, receipt: 'receipt', latencyMs: 12 };
  };
  record: CommandApi['record'] = async (who, doorId, commandId) => {
    await this.doors.get(who, doorId);
    if (commandId !== COMMAND_ID) throw new OpenLockError('command_not_found', 'No such command at this door.');
    return { commandId, state: 'executed', status: 200, submittedAt: 1_700_000_000_000, settledAt: 1_700_000_000_100 };
  };
  status: CommandApi['status'] = async (who, doorId) => {
    await this.doors.get(who, doorId);
    return { online: true, live: true, state: { lock: 'locked', mode: 'normal' }, at: 1_700_000_000_000 };
  };
  challenge: CommandApi['challenge'] = async (who, doorId) => {
    await this.doors.get(who, doorId);
    return { challenge: 'A'.repeat(43), expiresInSeconds: 30 };
  };
}

/** The machine's own operator: sessions all live, until one is ended. */
export class FakeOperators implements OperatorApi {
  readonly revoked: string[] = [];
  admit = ({ sessionId }: OperatorPrincipal): Promise<void> =>
    this.revoked.includes(sessionId)
      ? Promise.reject(new OpenLockError('token_revoked', 'The session has ended.'))
      : Promise.resolve();
  revoke: OperatorApi['revoke'] = ({ sessionId }) => {
    this.revoked.push(sessionId);
    return Promise.resolve();
  };
}

type Failures = GateDependencies['failures'];

export class FakeFailures implements Failures {
  readonly recorded: string[] = [];
  readonly blockedMs = new Map<string, number>();
  storeAway = false;

  isBlocked(address: string): Promise<number> {
    return this.storeAway ? Promise.reject(new Error('store down')) : Promise.resolve(this.blockedMs.get(address) ?? 0);
  }
  record(address: string): Promise<void> {
    if (this.storeAway) return Promise.reject(new Error('store down'));
    this.recorded.push(address);
    return Promise.resolve();
  }
}

type Trail = GateDependencies['audit'];

export class FakeTrail implements Trail {
  readonly refusals: Refusal[] = [];
  refusal(refusal: Refusal): void {
    this.refusals.push(refusal);
  }
}

export class FakeMetrics implements GateMetrics {
  readonly seen: Record<string, string>[] = [];
  readonly #counter = { inc: (labels: Record<string, string>): void => void this.seen.push(labels) };
  readonly refusals = this.#counter;
  readonly limiterHits = this.#counter;
  readonly authFailures = this.#counter;
  readonly served: { route: string; method: string; status: number | undefined; seconds: number }[] = [];
  readonly announced: { id: string; method: string; statuses: readonly number[] }[] = [];
  serves = (routes: readonly { id: string; method: string; statuses: readonly number[] }[]): void =>
    void this.announced.push(...routes);
  request = (route: string, method: string, status: number | undefined, seconds: number): void =>
    void this.served.push({ route, method, status, seconds });
}

export class FakeLog implements HttpLog {
  readonly lines: { level: string; fields: object; message: string }[] = [];
  debug = (fields: object, message: string): void => void this.lines.push({ level: 'debug', fields, message });
  warn = (fields: object, message: string): void => void this.lines.push({ level: 'warn', fields, message });
  error = (fields: object, message: string): void => void this.lines.push({ level: 'error', fields, message });
}

/** Not random, but different each time. */
export class FakeRandom implements Random {
  #next = 0;
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    bytes.writeUInt32BE((this.#next += 1), 0);
    return bytes;
  }
}
