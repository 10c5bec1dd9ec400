/** A relay process's side of what it and its parent say to each other. */
import type { Clock } from '../clock.js';
import { HostShare } from './host-share.js';
import {
  toRelaySchema,
  type Begin,
  type FromRelay,
  type ProcessFailure,
  type ProcessMetric,
  type ProcessUrls,
} from './messages.js';

/** The way to the parent. */
export interface ParentPort {
  /** Resolves when it is on its way, or the parent is gone. */
  send(message: FromRelay): Promise<void>;
  onMessage(handler: (message: unknown) => void): void;
  /** The parent is gone, however it went. */
  onGone(handler: () => void): void;
}

/** What makes a relay one of several of its host. */
export interface HostMember {
  /** From 1. */
  readonly slot: number;
  readonly count: number;
  /** Its name in logs and audit entries. */
  readonly nodeId: string;
  /** 8 bytes, the same in all: addresses have the same tags. */
  readonly hashKey: Uint8Array;
  readonly share: HostShare;
  /** Sets where the metrics come from that the parent asks for; `undefined`: they could not be collected just now. */
  onMetricsAsked(collect: CollectMetrics): void;
}

type CollectMetrics = () => Promise<readonly ProcessMetric[] | undefined>;

export class HostLink {
  readonly #port: ParentPort;
  readonly #stopping = new AbortController();
  readonly #share: HostShare;
  #collect: CollectMetrics = () => Promise.resolve(undefined);
  #onBegin: (begin: Begin | undefined) => void = () => undefined;

  constructor(port: ParentPort, clock: Clock) {
    this.#port = port;
    this.#share = new HostShare({ clock, send: (report) => port.send({ t: 'share', report }) });
    port.onMessage((message) => this.#take(message));
    port.onGone(() => this.#stop());
  }

  /** Aborted when this process is to stop: its parent says so, or is gone. */
  get stopSignal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Says to the parent that this process is there; resolves with what it is to be, `undefined` if it is to end again. */
  async join(): Promise<HostMember | undefined> {
    const begun = new Promise<Begin | undefined>((resolve) => (this.#onBegin = resolve));
    await this.#port.send({ t: 'hello' });
    const begin = await begun;
    if (begin === undefined) return undefined;
    return {
      ...begin,
      hashKey: Buffer.from(begin.hashKey, 'base64url'),
      share: this.#share,
      onMetricsAsked: (collect) => (this.#collect = collect),
    };
  }

  listening(urls: ProcessUrls): Promise<void> {
    return this.#port.send({ t: 'listening', urls });
  }

  /** It could not start, or not stop in time; the parent tells. */
  failed(failure: ProcessFailure): Promise<void> {
    return this.#port.send({ t: 'failed', failure });
  }

  #take(said: unknown): void {
    const message = toRelaySchema.parse(said);
    if (message.t === 'begin') this.#onBegin(message);
    else if (message.t === 'stop') this.#stop();
    else if (message.t === 'share') this.#share.hear(message.from, message.report);
    else if (message.t === 'joined') this.#share.greet();
    else if (message.t === 'left') this.#share.forget(message.slot);
    else void this.#sayMetrics();
  }

  #stop(): void {
    this.#share.stop();
    this.#onBegin(undefined);
    this.#stopping.abort();
  }

  async #sayMetrics(): Promise<void> {
    const metrics = await this.#collect();
    if (metrics !== undefined) await this.#port.send({ t: 'metrics', metrics });
  }
}
