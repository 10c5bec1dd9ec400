/** Keeps the relay's certificates and the keys of its session tickets current while it runs: what is new holds from the next connection on, without a restart. */
import type { SecureContext, Server as TlsServer, TlsOptions } from 'node:tls';

import type { Cancel, Clock } from '../clock.js';
import { loadTls, type TlsConfig, type TlsMaterial } from './certificates.js';
import type { HttpLog } from './services.js';
import { ticketKeys, ticketPeriod, type TicketSecret } from './ticket-keys.js';
import { chooseByName, contextsByName, TLS_SETTINGS } from './tls-settings.js';

export interface CertificateKeeperOptions {
  readonly clock: Clock;
  readonly log: HttpLog & { info(fields: object, message: string): void };
  /** Told the moment (Unix milliseconds) the certificate runs out, at the start and after every change. */
  readonly onExpiry?: (expiresAt: number) => void;
  /** What keys of session tickets are made of, the same for the whole fleet; default: keys of this process's own. */
  readonly ticketSecret?: TicketSecret | undefined;
}

type ServerTls = Pick<TlsOptions, 'cert' | 'key' | 'ticketKeys' | 'SNICallback'>;

/** Configured files change under us, and the local CA's certificates come of age; both are looked at this often. */
const LOOK_EVERY_MS = 60_000;
/** Relays of a fleet turn to the next key of tickets this far apart, clocks aside. */
const TURN_MS = 1000;

export class CertificateKeeper {
  readonly #config: TlsConfig;
  readonly #options: CertificateKeeperOptions;
  #material: TlsMaterial;
  #contexts: ReadonlyMap<string, SecureContext>;
  /** Of the ticket keys in use. */
  #period: number;
  #timers: readonly Cancel[] = [];
  /** What was said last about files that cannot be used, so that it is said once. */
  #lastProblem: string | undefined;

  private constructor(config: TlsConfig, options: CertificateKeeperOptions, material: TlsMaterial) {
    this.#config = config;
    this.#options = options;
    this.#material = material;
    this.#period = ticketPeriod(options.clock.now());
    this.#contexts = contextsByName(material, this.#ticketKeys);
  }

  /** Throws ConfigError as {@link loadTls}. */
  static async load(config: TlsConfig, options: CertificateKeeperOptions): Promise<CertificateKeeper> {
    const keeper = new CertificateKeeper(config, options, await loadTls(config, options.clock));
    keeper.#tellExpiry();
    return keeper;
  }

  /** For an https server that {@link start} is then called with. */
  get serverOptions(): ServerTls {
    const choose = chooseByName(() => this.#contexts);
    const { cert, key } = this.#material;
    return { cert, key, ticketKeys: this.#ticketKeys, ...(choose !== undefined && { SNICallback: choose }) };
  }

  get caPath(): string | undefined {
    return this.#material.caPath;
  }

  start(server: Pick<TlsServer, 'setSecureContext'>): void {
    const { clock } = this.#options;
    this.#timers = [
      clock.every(LOOK_EVERY_MS, () => void this.look(server)),
      clock.every(TURN_MS, () => this.#turnTicketKeys(server)),
    ];
  }

  stop(): void {
    for (const cancel of this.#timers) cancel();
  }

  /** Looks once. What cannot be used is said, and the certificate that is shown stays. */
  async look(server: Pick<TlsServer, 'setSecureContext'>): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const material = await loadTls(this.#config, clock);
      this.#lastProblem = undefined;
      if (isSame(material, this.#material)) return;
      this.#show(server, material);
      log.info({ expiresAt: new Date(material.expiresAt).toISOString() }, 'a renewed certificate is in use');
      this.#tellExpiry();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#lastProblem) {
        log.error({ err: error }, 'the certificate could not be renewed; the one in use stays');
      }
      this.#lastProblem = problem;
    }
  }

  get #ticketKeys(): Buffer | undefined {
    const { ticketSecret } = this.#options;
    return ticketSecret && ticketKeys(ticketSecret, this.#period);
  }

  #turnTicketKeys(server: Pick<TlsServer, 'setSecureContext'>): void {
    const period = ticketPeriod(this.#options.clock.now());
    if (period === this.#period) return;
    this.#period = period;
    this.#show(server, this.#material);
  }

  /** Throws for a certificate OpenSSL does not take; nothing has changed then. */
  #show(server: Pick<TlsServer, 'setSecureContext'>, material: TlsMaterial): void {
    const contexts = contextsByName(material, this.#ticketKeys);
    server.setSecureContext({ ...TLS_SETTINGS, cert: material.cert, key: material.key, ticketKeys: this.#ticketKeys });
    this.#material = material;
    this.#contexts = contexts;
  }

  #tellExpiry(): void {
    const { expiresAt, renewable } = this.#material;
    this.#options.onExpiry?.(expiresAt);
    if (renewable) return;
    this.#options.log.warn(
      { expiresAt: new Date(expiresAt).toISOString() },
      'the local CA’s key was taken away: the certificate serves until then, and cannot be renewed without it',
    );
  }
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.cert === other.cert &&
    one.key === other.key &&
    one.byName.size === other.byName.size &&
    [...one.byName].every(([name, cert]) => other.byName.get(name) === cert)
  );
}
