import { CLOSE } from '../protocol/close-codes.js';
import type { ClientClock } from './ambient.js';
import type { Session } from './session.js';
import type { TokenSet } from './token-storage.js';

export interface TokenKeeperOptions {
  readonly clock: ClientClock;
  readonly session: Session;
  /** Shows a token to the relay on the open socket (protocol 7.7, `token`); rejects when it is refused or not answered. */
  readonly present: (accessToken: string) => Promise<unknown>;
  /** The socket is of no more use. */
  readonly lost: (code: number, reason: string) => void;
}

/** The relay pings every 20 s, but a browser does not show pings: after this silence the SDK asks something itself. */
const SILENCE_MS = 45_000;
const RENEW_AGAIN_MS = 5_000;

/**
 * Keeps an open socket alive: renews its token in place before it ends, and notices a peer that is gone by presenting the
 * token again after a silence.
 */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #presented: string | undefined;
  #isRunning = false;
  #cancelRenewal = (): void => undefined;
  #cancelSilence = (): void => undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  /** The token the relay saw last on this socket. */
  get accessToken(): string | undefined {
    return this.#presented;
  }

  /** The socket is open, authenticated with `accessToken`. */
  start(accessToken: string): void {
    const { session, lost } = this.#options;
    this.#isRunning = true;
    this.#presented = accessToken;
    this.#unsubscribe = [
      session.onRenewed((tokens) => this.#show(tokens)),
      session.onEnded(() => lost(CLOSE.session_ended.code, CLOSE.session_ended.reason)),
    ];
    void this.#schedule();
    this.heard();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancelRenewal();
    this.#cancelSilence();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#unsubscribe = [];
  }

  /** Something came from the relay. */
  heard(): void {
    this.#cancelSilence();
    if (!this.#isRunning) return;
    this.#cancelSilence = this.#options.clock.after(SILENCE_MS, () => this.#ask());
  }

  #ask(): void {
    if (this.#presented === undefined) return;
    this.#options
      .present(this.#presented)
      .catch(() => this.#options.lost(CLOSE.keep_alive_timeout.code, CLOSE.keep_alive_timeout.reason));
  }

  #show(tokens: TokenSet): void {
    if (tokens.accessToken === this.#presented) return;
    this.#presented = tokens.accessToken;
    this.#planRenewal(tokens);
    this.#options
      .present(tokens.accessToken)
      .catch(() => this.#options.lost(CLOSE.session_ended.code, CLOSE.session_ended.reason));
  }

  async #schedule(): Promise<void> {
    const tokens = await this.#options.session.stored();
    if (tokens !== undefined && tokens.accessToken === this.#presented) this.#planRenewal(tokens);
  }

  #planRenewal(tokens: TokenSet): void {
    this.#cancelRenewal();
    if (!this.#isRunning) return;
    if (tokens.renewAt === undefined || tokens.refreshToken === undefined) return;
    const delayMs = Math.max(0, tokens.renewAt - this.#options.clock.now());
    this.#cancelRenewal = this.#options.clock.after(delayMs, () => void this.#renew(tokens));
  }

  async #renew(tokens: TokenSet): Promise<void> {
    try {
      this.#show(await this.#options.session.renew(tokens.accessToken));
    } catch {
      // Without a new token the relay closes with 4002 in the end; until then the network may come back. (An ended session
      // has stopped this keeper by now.)
      if (this.#isRunning)
        this.#cancelRenewal = this.#options.clock.after(RENEW_AGAIN_MS, () => void this.#renew(tokens));
    }
  }
}
