import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** True when the request wants to go on as a WebSocket, perhaps among other things. */
export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? '');
}

/**
 * A wish for another protocol (`Upgrade: h2c`) may be ignored (RFC 9110 7.8), and here it is: the request is answered as any
 * other. Node has already taken it out of its server, body unread, as it does with every upgrade; so the request is put back
 * in front of what follows it, without the wish, and `serve` takes the connection from there.
 */
export function ignoreUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  serve: (socket: Duplex) => void,
): void {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const kept = withoutWish(name.toLowerCase(), value);
    if (kept !== undefined) lines.push(`${name}: ${kept}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  serve(socket);
}

/** The header's value as it may stay; `undefined`: not at all. `HTTP2-Settings` belongs to `h2c` and is hop-by-hop. */
function withoutWish(name: string, value: string): string | undefined {
  if (name === 'upgrade' || name === 'http2-settings') return undefined;
  if (name !== 'connection') return value;
  const kept = value.split(',').filter((token) => !/^\s*(upgrade|http2-settings)\s*$/i.test(token));
  return kept.length === 0 ? undefined : kept.join(',');
}
