/** A TCP proxy in front of a server, which can lose what a network loses: replies, and whole connections. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class TcpProxy {
  /** While true, nothing comes back from the server. */
  swallowReplies = false;
  /** Called with every chunk on its way to the server. */
  onRequest: ((chunk: Buffer) => void) | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on `port` (0: a free one) of 127.0.0.1 and passes everything on to a Unix socket or local port. */
  static async start(upstream: string | number, port = 0): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server);
    server.on('connection', (client) =>
      proxy.#connect(client, typeof upstream === 'string' ? connect(upstream) : connect(upstream, '127.0.0.1')),
    );
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Cuts every connection that stands. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: Socket, server: Socket): void {
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      this.onRequest?.(chunk);
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!this.swallowReplies) client.write(chunk);
    });
  }
}
