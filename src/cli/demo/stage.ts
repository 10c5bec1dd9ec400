import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { createApp, type App, type RelayUrls } from '../../app/app.js';
import { prepare } from '../../app/preflight.js';
import type { Acting } from '../../audit/entry.js';
import type { Config } from '../../config.js';
import { isAlive, publishRelay, runningRelay } from '../support/relay-address.js';
import type { Run } from '../support/run.js';
import { systemErrorOf } from '../support/start-failure.js';

/** What the demo runs on: its settings, and what has to be undone afterwards, last in first out. */
export class Stage {
  readonly config: Config;
  /** In whose name the operator's part is played. */
  readonly acting: Acting;
  /** Why this data dir, for people. */
  readonly dataDirReason: string;
  /** Ports that were taken, and what was done about it. */
  readonly portNotes: string[] = [];
  readonly #releases: (() => Promise<void> | void)[] = [];

  constructor(run: Run, options: { readonly once: boolean }) {
    this.acting = run.acting;
    const config = run.config({
      OPENLOCK_HOST: '127.0.0.1',
      OPENLOCK_METRICS_PORT: '9464',
      OPENLOCK_LOG_LEVEL: 'warn',
    });
    const chosen = (run.io.environment['OPENLOCK_DATA_DIR'] ?? '') !== '';
    const wanted = chosen || !options.once;
    const busy = wanted && (runningRelay(config.dataDir) !== undefined || !this.#claim(config));
    const throwAway = busy || !wanted;
    const dataDir = throwAway ? mkdtempSync(join(tmpdir(), 'openlock-demo-')) : config.dataDir;
    if (throwAway) this.onEnd(() => rmSync(dataDir, { recursive: true, force: true }));
    this.dataDirReason = busy
      ? 'thrown away afterwards, because another relay or demo uses the usual one'
      : throwAway
        ? 'thrown away afterwards'
        : 'kept; OPENLOCK_DATA_DIR chooses another';
    // Whatever the environment says for a real relay: a demo mails into files, trusts loopback websites, and is its own authority.
    this.config = Object.freeze({
      ...config,
      dataDir,
      secretsDir: throwAway ? join(dataDir, 'secrets') : config.secretsDir,
      redisUrl: undefined,
      publicUrls: [],
      tls: true,
      tlsCert: undefined,
      tlsKey: undefined,
      trustProxyHops: 0,
      mailUrl: undefined,
      allowPrivateSites: true,
    });
  }

  /** The data dir as one would type it from here. */
  get shownDataDir(): string {
    const path = relative(process.cwd(), this.config.dataDir);
    return path.startsWith('..') ? resolve(this.config.dataDir) : path;
  }

  onEnd(release: () => Promise<void> | void): void {
    this.#releases.push(release);
  }

  /** Undoes everything; the first error is thrown after the rest was undone, too. */
  async end(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const release of this.#releases.reverse().splice(0)) {
      try {
        await release();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Takes the data dir for this demo; false when another demo has it, or wants it at this moment, too. Each says first that it
   * wants it and looks then, so that of two at least one sees the other.
   */
  #claim(config: Config): boolean {
    prepare(config);
    const folder = join(config.dataDir, 'demos');
    const own = join(folder, String(process.pid));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(own, '');
    this.onEnd(() => rmSync(own, { force: true }));
    return readdirSync(folder).every((name) => {
      if (Number(name) === process.pid || isAlive(Number(name))) return Number(name) === process.pid;
      rmSync(join(folder, name), { force: true });
      return true;
    });
  }

  /** Starts the relay, on other ports where the wanted ones are taken. */
  async startRelay(): Promise<RelayUrls> {
    let { port, metricsPort } = this.config;
    for (;;) {
      const app: App = createApp({ ...this.config, port, metricsPort });
      try {
        const starting = app.start();
        // Registered before it has started: an end in the middle waits for the start, and then undoes it.
        this.onEnd(async () => {
          await starting.catch(() => undefined);
          await app.stop();
        });
        const urls = await starting;
        this.onEnd(publishRelay(this.config, urls));
        return urls;
      } catch (error) {
        const taken = systemErrorOf(error);
        if (taken?.code !== 'EADDRINUSE') throw error;
        if (taken.port === port && port !== 0) port = 0;
        else if (taken.port === metricsPort && metricsPort !== 0) metricsPort = 0;
        else throw error;
        this.portNotes.push(`port ${taken.port} was taken, so a free one was chosen`);
      }
    }
  }
}
