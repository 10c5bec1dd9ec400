import {
  doorKeySchema,
  doorListSchema,
  doorSummarySchema,
  type DoorKey,
  type DoorSummary,
  type LoginAnswer,
  type LoginRequest,
  type TokenRequest,
} from '../protocol/api.js';
import { CLIENT_SOCKET_PATH } from '../protocol/client-frames.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import {
  systemClock,
  systemRandom,
  type ClientClock,
  type ClientRandom,
  type FetchLike,
  type WebSocketConstructor,
} from './ambient.js';
import { ApiClient, doorPath } from './api-client.js';
import { Commander, type CommandTransport } from './commander.js';
import { Door, type TransportName } from './door.js';
import type { EventStream } from './event-stream.js';
import { EventHub } from './events.js';
import { HttpCommands } from './http-commands.js';
import { HttpTransport } from './http-transport.js';
import { newIntent, textOf } from './intent.js';
import { PinnedKey, type DoorPin } from './key-pin.js';
import { RelaySocket } from './relay-socket.js';
import { readAnswer, Session } from './session.js';
import { SocketCommands } from './socket-commands.js';
import { MemoryTokenStorage, type TokenSet, type TokenStorage } from './token-storage.js';

export interface OpenLockOptions {
  /** The relay's origin, such as `https://relay.example`. Plain http is taken for this machine only. */
  readonly url: string;
  /** Where tokens are kept between runs. Default: in memory. */
  readonly storage?: TokenStorage;
  /** Tokens to begin with, instead of a login; kept in memory. */
  readonly tokens?: TokenSet;
  /** How commands travel. Default `http`. */
  readonly transport?: TransportName;
  /** Default: the global one. In Node, one that knows the relay's certificate authority can be handed in. */
  readonly fetch?: FetchLike;
  /** Default: the global one. Node 20 has none: hand in the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  readonly clock?: ClientClock;
  readonly random?: ClientRandom;
  /** Limit for every request but commands. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long to wait for a command's answer; more than the relay itself waits (5 s unless its operator changed it). Default 15,000. */
  readonly commandTimeoutMs?: number;
  /** How long to ask what became of a command whose answer was lost. Default 3,000. */
  readonly settleTimeoutMs?: number;
}

/** A list of doors has about 200 bytes for each. */
const LIST_BYTES = 4 * 1024 * 1024;

/** A site's connection to one relay (or fleet): sign in, doors, commands, live events. */
export class OpenLock {
  readonly #session: Session;
  readonly #api: ApiClient;
  readonly #commander: Commander;
  readonly #socket: RelaySocket;
  readonly #hub: EventHub;
  readonly #transports: Readonly<Record<TransportName, CommandTransport>>;
  readonly #transport: TransportName;
  readonly #ambient: { readonly clock: ClientClock; readonly random: ClientRandom };
  readonly #requestTimeoutMs: number;
  readonly #commandTimeoutMs: number;

  constructor(options: OpenLockOptions) {
    const origin = relayOrigin(options.url);
    const {
      clock = systemClock,
      random = systemRandom,
      requestTimeoutMs = 10_000,
      settleTimeoutMs = 3_000,
      storage = new MemoryTokenStorage(options.tokens),
    } = options;
    const http = new HttpTransport({ origin, clock, fetch: options.fetch ?? ((url, init) => fetch(url, init)) });
    const session = new Session({ http, storage, clock, requestTimeoutMs });
    const api = new ApiClient(http, session);
    this.#session = session;
    this.#api = api;
    this.#ambient = { clock, random };
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#commandTimeoutMs = options.commandTimeoutMs ?? 15_000;
    this.#transport = options.transport ?? 'http';
    this.#commander = new Commander({ api, clock, random, requestTimeoutMs, settleTimeoutMs });
    const url = `${origin.replace(/^http/, 'ws')}${CLIENT_SOCKET_PATH}`;
    const probe = async (): Promise<void> => void (await this.doors());
    this.#socket = new RelaySocket({
      url,
      WebSocket: options.WebSocket ?? globalWebSocket(),
      clock,
      random,
      session,
      probe,
      requestTimeoutMs,
    });
    this.#hub = new EventHub({ socket: this.#socket, clock, requestTimeoutMs, idle: () => this.#stopIdleSocket() });
    this.#transports = { http: new HttpCommands(api), socket: new SocketCommands(this.#socket) };
  }

  /**
   * Starts a login (protocol 3.1): mails a one-time code, and tells what the website must serve at `website.challenge.path`
   * the first time. The answer is the same whether or not the account exists.
   */
  login(request: LoginRequest, options: { readonly signal?: AbortSignal } = {}): Promise<LoginAnswer> {
    return this.#session.login(request, options.signal);
  }

  /** Ends a login with the code from the mail (protocol 3.2). From here on tokens are stored and renewed by themselves. */
  async token(request: TokenRequest, options: { readonly signal?: AbortSignal } = {}): Promise<TokenSet['site']> {
    return (await this.#session.token(request, options.signal)).site;
  }

  /** The site that is signed in, as far as the stored tokens tell; `undefined` when none is. */
  async site(): Promise<TokenSet['site']> {
    return (await this.#session.stored())?.site;
  }

  /** Signs out everywhere this session is used (protocol 3.4) and closes the socket. */
  async revoke(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    try {
      await this.#session.revoke(options.signal);
    } finally {
      this.close();
    }
  }

  /** Called when the session is over and somebody has to sign in again. The result removes the listener. */
  onSignedOut(listener: (error: OpenLockError) => void): () => void {
    return this.#session.onEnded(listener);
  }

  /** The doors this site has a grant for (protocol 7.1). */
  async doors(options: { readonly signal?: AbortSignal } = {}): Promise<readonly DoorSummary[]> {
    return readAnswer(doorListSchema, await this.#get('/v1/doors', options.signal, LIST_BYTES)).doors;
  }

  /**
   * A door under a pinned key: `{ kid }` learnt out of band, or `{ trustOnFirstUse: store }` to trust the first key seen
   * and remember it. Asks nothing yet.
   */
  door(id: string, pin: DoorPin): Door {
    if (!DOOR_ID.test(id)) throw new OpenLockError('invalid_request', 'that is no door id');
    return new Door(id, {
      commander: this.#commander,
      pinnedKey: new PinnedKey(id, pin, () => this.#doorKey(id)),
      transport: (name) => this.#transports[name ?? this.#transport],
      summary: async (signal) => readAnswer(doorSummarySchema, await this.#get(doorPath(id), signal)),
      events: (signal) => this.#hub.open([id], signal),
      intent: (act) => textOf(newIntent(act, id, this.#ambient)),
      requestTimeoutMs: this.#requestTimeoutMs,
      commandTimeoutMs: this.#commandTimeoutMs,
    });
  }

  /** Live events of the doors over the client socket (protocol 7.7), across reconnections. Advisory, like all the relay says. */
  events(doorIds: Iterable<string>, options: { readonly signal?: AbortSignal } = {}): EventStream {
    return this.#hub.open(doorIds, options.signal);
  }

  /** Closes the socket and ends all streams; the session stays. Usable again afterwards. */
  close(): void {
    this.#hub.close();
    this.#socket.stop();
  }

  #get(path: string, signal: AbortSignal | undefined, answerBytes?: number): Promise<unknown> {
    const limit = answerBytes === undefined ? {} : { answerBytes };
    return this.#api.request({ method: 'GET', path, timeoutMs: this.#requestTimeoutMs, signal, ...limit });
  }

  async #doorKey(doorId: string): Promise<DoorKey> {
    const key = readAnswer(doorKeySchema, await this.#get(`${doorPath(doorId)}/key`, undefined));
    if (key.doorId !== doorId) throw new OpenLockError('wrong_key', 'the relay served the key of another door');
    return key;
  }

  /** A socket that was opened for events alone is not kept: it would keep a Node process from ending. */
  #stopIdleSocket(): void {
    if (this.#transport === 'http' && !this.#socket.isBusy) this.#socket.stop();
  }
}

function relayOrigin(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new OpenLockError('invalid_request', "url must be the relay's origin, such as https://relay.example");
  }
  const isThisMachine = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isThisMachine))
    throw new OpenLockError('invalid_request', 'the relay is spoken to over https');
  if (url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new OpenLockError('invalid_request', 'url must be an origin, without path or user');
  }
  return url.origin;
}

function globalWebSocket(): WebSocketConstructor | undefined {
  // Absent in Node 20, whatever the type library says.
  return (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket;
}
