/**
 * A stand-in for the relay over real HTTP and real WebSockets: enough of protocol 3 and 7 to drive the SDK, and hooks to
 * make it answer badly, late or not at all. The real relay meets the SDK in test/e2e.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocketServer, type WebSocket } from 'ws';

import { PROBLEMS, type ProblemCode } from '../../../src/protocol/problem.js';
import type { FakeDoor } from './fake-door.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface StoredCommand {
  readonly state: string;
  readonly status?: 200 | 400;
  readonly receipt?: string;
}

/** `undefined`: the usual answer. `'hang'`: none. `'cut'`: the connection ends. */
type Override = (request: SeenRequest) => Answer | 'hang' | 'cut' | undefined;

export function problem(code: ProblemCode, extras: object = {}): Answer {
  const { status, title } = PROBLEMS[code];
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'x-request-id': 'req-1' },
    body: { type: 'about:blank', title, status, code, detail: `because ${code}`, requestId: 'req-1', ...extras },
  };
}

export class FakeRelay {
  readonly doors = new Map<string, FakeDoor>();
  readonly requests: SeenRequest[] = [];
  readonly commands = new Map<string, StoredCommand>();
  readonly sockets = new Set<WebSocket>();
  readonly frames: Record<string, unknown>[] = [];
  accessToken = 'access-1';
  refreshToken = 'refresh-1';
  expiresInSeconds = 900;
  override: Override = () => undefined;
  /** Answers a frame instead of the usual; `null`: no answer. */
  overrideFrame: (frame: Record<string, unknown>, socket: WebSocket) => object | null | undefined = () => undefined;
  /** Refuses the upgrade with this status. */
  refuseUpgrade: number | undefined;
  upgrades = 0;
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) => (protocols.has('openlock.client.v1') ? 'openlock.client.v1' : false),
  });

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => {
      this.upgrades += 1;
      const token = /openlock\.bearer\.(\S+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
      if (this.refuseUpgrade !== undefined || token !== this.accessToken)
        return void socket.end(`HTTP/1.1 ${this.refuseUpgrade ?? 401} No\r\n\r\n`);
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#adopt(webSocket));
    });
  }

  static async start(...doors: FakeDoor[]): Promise<FakeRelay> {
    const relay = new FakeRelay();
    for (const door of doors) relay.doors.set(door.id, door);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get tokens(): { accessToken: string; refreshToken: string } {
    return { accessToken: this.accessToken, refreshToken: this.refreshToken };
  }

  paths(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  broadcast(frame: object): void {
    for (const socket of this.sockets) socket.send(JSON.stringify(frame));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Hands a command to its door, as the relay would after admitting it. */
  execute(doorId: string, jwe: string): StoredCommand & { commandId: string } {
    const commandId = createHash('sha256').update(jwe).digest('base64url');
    const { status, receipt } = this.#door(doorId).execute(jwe);
    const stored = { state: status === 200 ? 'executed' : 'refused', status, receipt } as const;
    this.commands.set(commandId, stored);
    return { commandId, ...stored };
  }

  #door(doorId: string): FakeDoor {
    const door = this.doors.get(doorId);
    if (door === undefined) throw new Error(`no door ${doorId}`);
    return door;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    this.requests.push(seen);
    const answer = this.override(seen) ?? this.#usual(seen);
    if (answer === 'hang') return;
    if (answer === 'cut') return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  #usual(seen: SeenRequest): Answer {
    const { method, path, body } = seen;
    if (path === '/v1/auth/login') {
      return {
        status: 202,
        body: {
          loginId: 'login-1',
          expiresInSeconds: 600,
          website: { origin: body['website'], challenge: { path: '/.well-known/openlock-challenge.txt', token: 't' } },
        },
      };
    }
    if (path === '/v1/auth/token') return this.#tokenAnswer();
    if (path === '/v1/auth/refresh')
      return body['refreshToken'] === this.refreshToken ? this.#rotate() : problem('token_revoked');
    if (seen.authorization !== `Bearer ${this.accessToken}`) return problem('token_expired');
    if (path === '/v1/auth/revoke') return { status: 204 };
    if (path === '/v1/doors')
      return {
        status: 200,
        body: {
          doors: [...this.doors.keys()].map((doorId) => ({
            doorId,
            name: doorId,
            role: 'user',
            online: true,
            lastSeen: 1,
          })),
        },
      };
    const [, , , doorId = '', resource = '', commandId] = path.split('/');
    const door = this.doors.get(doorId);
    if (door === undefined) return problem('door_not_found');
    return this.#doorAnswer(door, method, resource, commandId, body);
  }

  #doorAnswer(
    door: FakeDoor,
    method: string,
    resource: string,
    commandId: string | undefined,
    body: SeenRequest['body'],
  ): Answer {
    if (resource === '')
      return { status: 200, body: { doorId: door.id, name: door.id, role: 'user', online: true, lastSeen: null } };
    if (resource === 'challenge')
      return { status: 200, body: { challenge: door.makeChallenge(), expiresInSeconds: 30 } };
    if (resource === 'key') return { status: 200, body: door.served() };
    if (resource === 'status') return { status: 200, body: { online: true, live: true, state: door.state, at: 5 } };
    if (method === 'GET' && commandId !== undefined) {
      const stored = this.commands.get(commandId);
      return stored === undefined
        ? problem('command_not_found')
        : { status: 200, body: { commandId, submittedAt: 1, ...stored } };
    }
    const done = this.execute(door.id, String(body['jwe']));
    return done.status === 200
      ? { status: 200, body: { ...done, latencyMs: 7 } }
      : problem('door_refused', { ...done });
  }

  #tokenAnswer(): Answer {
    const { accessToken, refreshToken, expiresInSeconds } = this;
    const site = { id: 'site-1', origin: 'https://shop.example', email: 'owner@shop.example' };
    return {
      status: 200,
      body: {
        accessToken,
        tokenType: 'Bearer',
        expiresInSeconds,
        refreshToken,
        refreshExpiresInSeconds: 2_592_000,
        site,
      },
    };
  }

  #rotate(): Answer {
    const next = (token: string): string => token.replace(/\d+$/, (count) => String(Number(count) + 1));
    this.accessToken = next(this.accessToken);
    this.refreshToken = next(this.refreshToken);
    return this.#tokenAnswer();
  }

  #adopt(socket: WebSocket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
      this.frames.push(frame);
      const answer = this.overrideFrame(frame, socket);
      if (answer !== null) socket.send(JSON.stringify(answer ?? this.#frameAnswer(frame)));
    });
  }

  #frameAnswer(frame: Record<string, unknown>): object {
    const { t, ref, door } = frame;
    if (t === 'command') return { t: 'result', ref, ...this.execute(String(door), String(frame['jwe'])), latencyMs: 3 };
    if (t === 'status')
      return { t: 'status', ref, door, online: true, live: true, state: this.#door(String(door)).state, at: 5 };
    return { t: 'ok', ref };
  }
}
