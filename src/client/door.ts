import type { DoorStatusAnswer, DoorSummary } from '../protocol/api.js';
import type { Act, ConfigureParams } from '../protocol/command-body.js';
import type { DoorState } from '../protocol/door-state.js';
import type { CommandResult } from './command-result.js';
import type { Commander, CommandTransport, Freshness } from './commander.js';
import { ReceiptError } from './errors.js';
import type { EventStream } from './event-stream.js';
import type { PinnedKey } from './key-pin.js';

/** Ways to the relay: `http`, a request each; `socket`, the client socket, which is kept open (call `close()` in the end). */
export type TransportName = 'http' | 'socket';

export interface CommandOptions {
  /** The door's password: only the door ever reads it. */
  readonly password: string;
  /** Default: as for the whole {@link OpenLock}. */
  readonly transport?: TransportName;
  /** Milliseconds until the SDK stops waiting for the answer and asks for the state instead. Default: `commandTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Aborting a command that is on its way does not call it back: it ends with a TimeoutError. */
  readonly signal?: AbortSignal;
  /**
   * From {@link Door.intent}, or from the TimeoutError of an earlier attempt: the same command again, which the door runs once
   * at most. Good for 45 s (`stale_timestamp` afterwards). Not looked at by `status`, which may be asked at any time.
   */
  readonly intent?: string;
  /**
   * How the door knows that the command is new: `clock`, the default, or `challenge`, which costs one more request to the
   * door and needs no clock that is right. A door that is unsure of its clock asks for a challenge; the SDK then sends the
   * command once more with one.
   */
  readonly freshness?: Freshness;
}

/** What a door needs of the {@link OpenLock} it belongs to. */
export interface DoorDeps {
  readonly commander: Commander;
  readonly pinnedKey: PinnedKey;
  readonly transport: (name: TransportName | undefined) => CommandTransport;
  readonly summary: (signal?: AbortSignal) => Promise<DoorSummary>;
  readonly events: (signal?: AbortSignal) => EventStream;
  readonly intent: (act: Act) => string;
  readonly requestTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/**
 * One door under one pinned key. Every command resolves only with the door's own, verified receipt that it has run, now or
 * at an earlier attempt (`outcome`); it throws DoorRefusedError, TimeoutError, KeyChangedError, ReceiptError or another
 * OpenLockError otherwise.
 */
export class Door {
  readonly id: string;
  readonly #deps: DoorDeps;

  /** @internal Doors are made by `OpenLock.door`. */
  constructor(id: string, deps: DoorDeps) {
    this.id = id;
    this.#deps = deps;
  }

  /** Opens. `holdMs`: how long, 0 to 3,600,000; 0 stays unlocked; absent: the door's own setting (protocol 6.3). */
  unlock(options: CommandOptions & { readonly holdMs?: number }): Promise<CommandResult> {
    const { holdMs } = options;
    return this.command('unlock', options, holdMs === undefined ? undefined : { holdMs });
  }

  lock(options: CommandOptions): Promise<CommandResult> {
    return this.command('lock', options);
  }

  /** The door's state by its own word. For the relay's last knowledge, without a password, see {@link liveStatus}. */
  async status(options: CommandOptions): Promise<CommandResult & { readonly state: DoorState }> {
    const result = await this.command('status', options);
    const { state } = result;
    if (state === undefined)
      throw new ReceiptError(this.id, result.commandId, 'executed', 'the receipt carries no state');
    return { ...result, state };
  }

  /**
   * Changes settings (protocol 6.3). Resolves when they are stored; a change of WiFi, server or door id is then on
   * probation and ends in the event `configured` with `outcome` `kept` or `reverted`.
   */
  configure(options: CommandOptions & { readonly params: ConfigureParams }): Promise<CommandResult> {
    return this.command('configure', options, options.params);
  }

  restart(options: CommandOptions): Promise<CommandResult> {
    return this.command('restart', options);
  }

  /**
   * Has the door make a new key. The pin is not changed: `newKid` comes authenticated from the old key's door; hand it to
   * {@link repin} when you want to trust it.
   */
  async rotateKey(options: CommandOptions): Promise<CommandResult & { readonly newKid: string }> {
    const result = await this.command('rotate_key', options);
    const { newKid } = result.receipt;
    if (newKid === undefined) {
      const detail =
        result.outcome === 'executed'
          ? 'the receipt carries no new key id'
          : 'the door has made its new key at an earlier attempt, whose receipt with the new key id did not arrive: read it off the door';
      throw new ReceiptError(this.id, result.commandId, 'executed', detail);
    }
    return { ...result, newKid };
  }

  /**
   * A name for one command, to be handed in as `intent` each time it is sent: made before, it also holds a command to once
   * whose first attempt ended in any other way than a TimeoutError. May be kept as text; no secret.
   */
  intent(act: Act): string {
    return this.#deps.intent(act);
  }

  /** Any act of protocol 6.3; the methods above are shorthands. */
  command(act: Act, options: CommandOptions, params?: Readonly<Record<string, unknown>>): Promise<CommandResult> {
    const { commander, pinnedKey, transport, commandTimeoutMs } = this.#deps;
    const content = { doorId: this.id, act, password: options.password, params };
    return commander.run(content, pinnedKey, transport(options.transport), {
      timeoutMs: options.timeoutMs ?? commandTimeoutMs,
      signal: options.signal,
      intent: options.intent,
      freshness: options.freshness,
    });
  }

  /** What the relay knows, asking the door for up to 2 s (protocol 7.5). Advisory: nobody vouches for it (1.1). */
  liveStatus(
    options: { readonly transport?: TransportName; readonly signal?: AbortSignal } = {},
  ): Promise<DoorStatusAnswer> {
    const { transport, requestTimeoutMs } = this.#deps;
    return transport(options.transport).status(this.id, { timeoutMs: requestTimeoutMs, signal: options.signal });
  }

  /** Name, role and presence of the door as the relay has them (protocol 7.1). */
  summary(options: { readonly signal?: AbortSignal } = {}): Promise<DoorSummary> {
    return this.#deps.summary(options.signal);
  }

  /** Live events of this door; see {@link OpenLock.events}. */
  events(options: { readonly signal?: AbortSignal } = {}): EventStream {
    return this.#deps.events(options.signal);
  }

  /** The pinned key id; `undefined` before the first use of a door that is trusted on first use. */
  kid(): Promise<string | undefined> {
    return this.#deps.pinnedKey.kid();
  }

  /** Pins another key id from now on: your decision, after {@link rotateKey} or a look at the door's label. */
  repin(kid: string): Promise<void> {
    return this.#deps.pinnedKey.repin(kid);
  }
}
