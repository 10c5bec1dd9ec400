/**
 * Lanes c and d: HTTP/1.1 with keep-alive, written by hand. Node's own client costs more than the relay does, and the load
 * shares the machine with what it measures.
 */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

import type { Done, Frame, Wire, WireSettings } from './wire.js';

const HEAD_END = '\r\n\r\n';

class Connection {
  readonly #socket: TLSSocket;
  readonly #onFree: () => void;
  #received = '';
  #done: Done | undefined;

  constructor(socket: TLSSocket, onFree: () => void) {
    this.#socket = socket;
    this.#onFree = onFree;
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('close', () => this.#finish('closed'));
  }

  get closed(): boolean {
    return this.#socket.destroyed || !this.#socket.writable;
  }

  send(text: string, done: Done): void {
    this.#done = done;
    this.#socket.write(text, 'latin1');
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1] ?? 0);
    if (this.#received.length < headEnd + HEAD_END.length + length) return;
    const status = this.#received.slice(9, 12);
    const body = JSON.parse(this.#received.slice(headEnd + HEAD_END.length)) as { readonly code?: string };
    this.#received = '';
    this.#finish(status === '200' ? undefined : (body.code ?? status));
  }

  #finish(problem: string | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    if (done === undefined) return;
    this.#onFree();
    done(problem);
  }
}

export class HttpWire implements Wire {
  readonly #settings: WireSettings;
  readonly #context: SecureContext;
  readonly #queue: { readonly frame: Frame; readonly done: Done }[] = [];
  #cipher = '';
  #connections: Connection[] = [];
  #free: Connection[] = [];

  private constructor(settings: WireSettings) {
    this.#settings = settings;
    this.#context = createSecureContext({ ca: settings.ca });
  }

  static async open(settings: WireSettings): Promise<HttpWire> {
    const wire = new HttpWire(settings);
    await wire.refresh();
    return wire;
  }

  get cipher(): string {
    return this.#cipher;
  }

  /** Servers close what is idle, and what was opened without a request: those connections are made anew. */
  async refresh(): Promise<void> {
    const open = this.#connections.filter((connection) => !connection.closed);
    const missing = this.#settings.connections - open.length;
    const fresh = await Promise.all(Array.from({ length: missing }, () => this.#dial()));
    this.#connections = [...open, ...fresh];
    this.#free = [...this.#connections];
  }

  #dial(): Promise<Connection> {
    const options = {
      port: this.#settings.port,
      host: '127.0.0.1',
      servername: 'localhost',
      secureContext: this.#context,
    };
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        this.#cipher = socket.getCipher().name;
        const connection: Connection = new Connection(socket, () => this.#free.push(connection));
        resolve(connection);
      });
      socket.on('error', reject);
    });
  }

  render(ref: string, door: string, jwe: string): Frame {
    const body = `{"jwe":"${jwe}"}`;
    const head = [
      `POST /v1/doors/${door}/commands HTTP/1.1`,
      `Host: localhost:${this.#settings.port}`,
      `Authorization: Bearer ${this.#settings.token}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ];
    return { ref, door, text: `${head.join('\r\n')}${HEAD_END}${body}` };
  }

  send(frame: Frame, done: Done): void {
    const connection = this.#free.pop();
    if (connection === undefined) this.#queue.push({ frame, done });
    else connection.send(frame.text, (problem) => this.#finished(problem, done));
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #finished(problem: string | undefined, done: Done): void {
    done(problem);
    const next = this.#queue.shift();
    if (next !== undefined) this.send(next.frame, next.done);
  }
}
