/** The commands of one relay in their own time: a store that is told what to say, and doors that are told what to take. */
import type { SitePrincipal } from '../../src/principal.js';
import { CommandService } from '../../src/commands/command-service.js';
import { DoorDispatcher } from '../../src/commands/door-dispatcher.js';
import { DoorQuestions } from '../../src/commands/door-questions.js';
import { Waiters } from '../../src/commands/waiters.js';
import type { DoorLink } from '../../src/doors/door-link.js';
import { Metrics } from '../../src/metrics.js';
import type { RelayFrame } from '../../src/protocol/door-frames.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import type {
  AdmitResult,
  ClaimResult,
  CommandName,
  CommandStore,
  StoredCommand,
} from '../../src/store/command-store.js';
import { FakeClock } from '../support/fake-clock.js';

export const DOOR = 'front-door';
export const SITE: SitePrincipal = {
  kind: 'site',
  siteId: 'site_1',
  sessionId: 's',
  origin: 'https://shop.example',
  expiresAt: Infinity,
};
export const CONTEXT = { requestId: 'r', address: '198.51.100.7', origin: undefined };
export const TIMEOUT_MS = 5000;

/** Says of a command what the test wants, and writes down what it was asked. */
export class ToldStore implements Pick<CommandStore, 'abandon' | 'admit' | 'claim' | 'nudge' | 'read' | 'settle'> {
  readonly asked: { readonly call: string; readonly atMs: number }[] = [];
  admits: AdmitResult['outcome'] = 'pending';
  state: StoredCommand['state'] = 'pending';
  receipt: string | undefined;
  isAway = false;
  readonly #clock: FakeClock;
  readonly #startedAt: number;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Milliseconds, from the start of the test, at which a call was made. */
  timesOf(name: string): readonly number[] {
    return this.asked.filter(({ call }) => call.startsWith(name)).map(({ atMs }) => atMs);
  }

  async admit(): Promise<AdmitResult> {
    await this.#note('admit');
    if (this.admits === 'claimed' || this.admits === 'pending')
      return { outcome: this.admits, deadline: this.#clock.now() + TIMEOUT_MS };
    if (this.admits === 'replayed') return { outcome: 'replayed', state: this.state };
    return { outcome: 'refused', code: 'door_offline', retryAfterMs: 0 };
  }

  async claim(): Promise<ClaimResult> {
    await this.#note('claim');
    return { outcome: 'claimed', jwe: 'jwe', deadline: this.#clock.now() + TIMEOUT_MS };
  }

  async nudge(): Promise<StoredCommand['state']> {
    await this.#note('nudge');
    return this.state;
  }

  async read(): Promise<StoredCommand> {
    await this.#note('read');
    const { state, receipt } = this;
    const status = state === 'executed' ? 200 : state === 'refused' ? 400 : undefined;
    return { state, siteId: SITE.siteId, submittedAt: this.#startedAt, status, settledAt: undefined, receipt };
  }

  async settle({ status, receipt }: { status: 200 | 400; receipt: string | undefined }) {
    await this.#note(`settle ${status}`);
    this.state = status === 200 ? 'executed' : 'refused';
    this.receipt = receipt;
    return { state: this.state, settled: true };
  }

  async abandon({ doorId }: CommandName): Promise<void> {
    await this.#note(`abandon ${doorId}`);
    this.state = 'expired';
  }

  async #note(call: string): Promise<void> {
    this.asked.push({ call, atMs: this.#clock.now() - this.#startedAt });
    await Promise.resolve();
    if (this.isAway) throw new OpenLockError('store_unavailable', 'The store is away.');
  }
}

/** A door that is live here. */
export class ToldLink implements DoorLink {
  readonly doorId = DOOR;
  readonly conn = 'conn-1';
  readonly behind = false;
  readonly sent: RelayFrame[] = [];
  takes = true;

  send(frame: RelayFrame): boolean {
    if (this.takes) this.sent.push(frame);
    return this.takes;
  }

  sendBytes(): boolean {
    return this.takes;
  }

  close(): void {
    this.takes = false;
  }
}

/** One relay; `tell` is a message of another one. */
export function commandRoom() {
  const clock = new FakeClock();
  const store = new ToldStore(clock);
  const failures: string[] = [];
  let link: ToldLink | undefined;
  const handlers = new Map<string, (message: unknown) => unknown>();
  const told: { readonly relay: string; readonly message: object }[] = [];
  const common = {
    ...{ store, clock, relayId: 'me', waiters: new Waiters(clock), metrics: new Metrics() },
    links: { find: () => link },
    audit: { entry: () => '{}' },
    lease: { liveList: ',me,other,', isLive: (relay: string | undefined) => relay !== undefined },
    bus: {
      on: (kind: string, schema: { parse(message: unknown): unknown }, handler: (message: never) => unknown) =>
        void handlers.set(kind, (message) => handler(schema.parse(message) as never)),
      toRelay: (relay: string, message: object) => Promise.resolve(void told.push({ relay, message })),
    },
    access: { roleOf: () => Promise.resolve('user' as const) },
    onError: (_error: unknown, work: string) => void failures.push(work),
    random: { bytes: (length: number) => Buffer.alloc(length, 7) },
    commandTimeoutMs: TIMEOUT_MS,
  };
  const presence = {
    relay: 'other',
    conn: undefined,
    lastSeen: 1,
    state: '{"lock":"locked","mode":"normal"}',
    stateAt: 5,
  };
  const dispatcher = new DoorDispatcher(common);
  const questions = new DoorQuestions({ ...common, doors: { presence: () => Promise.resolve(presence) } });
  const service = new CommandService({ ...common, dispatcher, questions });
  dispatcher.start();
  questions.start();
  return {
    ...{ clock, store, failures, dispatcher, questions, service, told },
    tell: (message: { t: string; [member: string]: unknown }) => handlers.get(message.t)?.(message),
    /** The door is live here from now on. */
    attach: () => (link = new ToldLink()),
  };
}
