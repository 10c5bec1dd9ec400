/** A website of the test's own: a login through the real API, with its challenge served over real HTTP on loopback. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { TestRelay } from './relay.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON, or `undefined` for an empty body. */
  readonly body: Record<string, unknown>;
}

/** One HTTPS request to a relay with its CA checked. */
export function call(
  relay: TestRelay,
  method: string,
  path: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<HttpAnswer> {
  const text =
    options.body === undefined
      ? undefined
      : typeof options.body === 'string'
        ? options.body
        : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${relay.url}${path}`,
      {
        method,
        ca: relay.ca,
        agent: false,
        headers: {
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(text)),
          }),
          ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const received = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: (received === '' ? {} : JSON.parse(received)) as Record<string, unknown>,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

export interface TestSite {
  readonly siteId: string;
  readonly origin: string;
  readonly email: string;
  accessToken: string;
  refreshToken: string;
  stop(): Promise<void>;
}

/** Logs a website in: code from the outbox, challenge on a loopback server. */
export async function loginTestSite(relay: TestRelay, email = 'owner@example.test'): Promise<TestSite> {
  let challenge = '';
  const website = createServer((_request, response) => response.end(challenge));
  await new Promise<void>((resolve) => website.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(website.address() as AddressInfo).port}`;
  const login = await call(relay, 'POST', '/v1/auth/login', { body: { email, website: origin } });
  const { loginId, website: proof } = login.body as { loginId: string; website: { challenge: { token: string } } };
  challenge = proof.challenge.token;
  const answer = await call(relay, 'POST', '/v1/auth/token', {
    body: { loginId, code: await mailedCode(relay, origin) },
  });
  if (answer.status !== 200) throw new Error(`login failed: ${JSON.stringify(answer.body)}`);
  const tokens = answer.body as { accessToken: string; refreshToken: string; site: { id: string } };
  return {
    siteId: tokens.site.id,
    origin,
    email,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    stop: () => new Promise((resolve) => website.close(() => resolve())),
  };
}

/** The newest code mailed for an origin; waits until it is there. */
export async function mailedCode(relay: Pick<TestRelay, 'dataDir'>, origin: string): Promise<string> {
  const outbox = join(relay.dataDir, 'outbox');
  mkdirSync(outbox, { recursive: true });
  const deadline = Date.now() + 5000;
  while (Date.now() < deadline) {
    for (const name of readdirSync(outbox)
      .filter((file) => file.endsWith('.eml'))
      .sort()
      .reverse()) {
      const text = readFileSync(join(outbox, name), 'utf8');
      const code = /^\s*([0-9]{8})\s*$/m.exec(text)?.[1];
      if (text.includes(origin) && code !== undefined) return code;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no mail for ${origin} within 5 s`);
}
