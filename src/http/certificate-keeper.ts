/** Keeps the relay's certificates current while it runs: renewed ones are shown to the next connection, without a restart. */
import type { SecureContext, Server as TlsServer, TlsOptions } from 'node:tls';

import type { Cancel, Clock } from '../clock.js';
import { loadTls, type TlsConfig, type TlsMaterial } from './certificates.js';
import type { HttpLog } from './services.js';
import { chooseByName, contextsByName, TLS_SETTINGS } from './tls-settings.js';

export interface CertificateKeeperOptions {
  readonly clock: Clock;
  readonly log: HttpLog & { info(fields: object, message: string): void };
  /** Told the moment (Unix milliseconds) the certificate runs out, at the start and after every change. */
  readonly onExpiry?: (expiresAt: number) => void;
}

/** Configured files change under us, and the local CA's certificates come of age; both are looked at this often. */
const LOOK_EVERY_MS = 60_000;

export class CertificateKeeper {
  readonly #config: TlsConfig;
  readonly #options: CertificateKeeperOptions;
  #material: TlsMaterial;
  #contexts: ReadonlyMap<string, SecureContext>;
  #cancel: Cancel | undefined;
  /** What was said last about files that cannot be used, so that it is said once. */
  #lastProblem: string | undefined;

  private constructor(config: TlsConfig, options: CertificateKeeperOptions, material: TlsMaterial) {
    this.#config = config;
    this.#options = options;
    this.#material = material;
    this.#contexts = contextsByName(material);
  }

  /** Throws ConfigError as {@link loadTls}. */
  static async load(config: TlsConfig, options: CertificateKeeperOptions): Promise<CertificateKeeper> {
    const keeper = new CertificateKeeper(config, options, await loadTls(config, options.clock));
    keeper.#tellExpiry();
    return keeper;
  }

  /** For an https server that {@link start} is then called with. */
  get serverOptions(): Pick<TlsOptions, 'cert' | 'key' | 'SNICallback'> {
    const choose = chooseByName(() => this.#contexts);
    return { cert: this.#material.cert, key: this.#material.key, ...(choose !== undefined && { SNICallback: choose }) };
  }

  get caPath(): string | undefined {
    return this.#material.caPath;
  }

  start(server: Pick<TlsServer, 'setSecureContext'>): void {
    this.#cancel = this.#options.clock.every(LOOK_EVERY_MS, () => void this.look(server));
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Looks once. What cannot be used is said, and the certificate that is shown stays. */
  async look(server: Pick<TlsServer, 'setSecureContext'>): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const material = await loadTls(this.#config, clock);
      this.#lastProblem = undefined;
      if (isSame(material, this.#material)) return;
      const contexts = contextsByName(material);
      server.setSecureContext({ ...TLS_SETTINGS, cert: material.cert, key: material.key });
      this.#material = material;
      this.#contexts = contexts;
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
