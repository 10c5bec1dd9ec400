/** Bytes in, bytes out: for requests no HTTP client would send. */
import { connect } from 'node:net';

export interface RawReply {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly text: string;
  /** `code` of the problem body, if there is one. */
  readonly code: string | undefined;
}

const TIMEOUT_MS = 5_000;

/** Sends the bytes and reads until the first whole answer is there or the connection ends; rejects after 5 s. */
export function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  options: { readonly isHead?: boolean } = {},
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const settle = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(readReply(Buffer.concat(chunks).toString('latin1')));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(
          `no answer within ${TIMEOUT_MS} ms to ${JSON.stringify(Buffer.from(bytes).toString('latin1').slice(0, 300))}`,
        ),
      );
    }, TIMEOUT_MS);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks).toString('latin1'), options.isHead === true)) settle();
    });
    socket.on('error', () => undefined);
    socket.on('close', settle);
    socket.write(bytes);
  });
}

function isWhole(received: string, isHead: boolean): boolean {
  const text = received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const end = text.indexOf('\r\n\r\n');
  if (end === -1 || isHead) return end !== -1;
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return text.length >= end + 4 + Number(length ?? 0);
}

function readReply(text: string): RawReply {
  return {
    text,
    status: Number(/^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    code: /"code":"([a-z_]+)"/.exec(text)?.[1],
  };
}
