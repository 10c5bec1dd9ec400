/**
 * The one way a request takes, whatever route it is for and whoever matched it: id, address limit, block, origin, token,
 * admission, body, work, answer. The order is protocol 6.5's: who asks and how often comes before what is asked.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clock, Random } from '../clock.js';
import type { SiteIdentity } from '../principal.js';
import { LIMITS } from '../protocol/limits.js';
import { OpenLockError } from '../protocol/problem.js';
import { AddressGuard } from './address-guard.js';
import { sendAnswer, sendProblem, setCommonHeaders } from './answering.js';
import { addressOf } from './client-address.js';
import { CrossOrigin } from './cross-origin.js';
import { ClientGone, type Exchange } from './exchange.js';
import { asOpenLockError, Refusals } from './refusals.js';
import { announcesBody, checkSchema, parseBody, readBody, requireJson, type BodyLimits } from './request-body.js';
import type { Answer, Route } from './route.js';
import type { AddressGate, FailureGuard, HttpLog, HttpMetrics, RefusalTrail, SiteApi } from './services.js';

export interface PipelineDependencies {
  readonly sites: SiteApi;
  readonly failures: FailureGuard;
  readonly addressLimiter: AddressGate;
  readonly audit: RefusalTrail;
  readonly metrics: HttpMetrics;
  readonly log: HttpLog;
  readonly clock: Clock;
  readonly random: Random;
  /** `OPENLOCK_TRUST_PROXY`. */
  readonly trustProxyHops: number;
  readonly allowPrivateSites: boolean;
  /** Send `Strict-Transport-Security`. */
  readonly strictTransport: boolean;
  /** How long a body may take to arrive; default 10 s. */
  readonly bodyTimeoutMs?: number;
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,4096}=*) *$/i;

export class Pipeline {
  readonly #deps: PipelineDependencies;
  readonly #guard: AddressGuard;
  readonly #crossOrigin: CrossOrigin;
  readonly #refusals: Refusals;
  readonly #bodyLimits: BodyLimits;

  constructor(dependencies: PipelineDependencies) {
    this.#deps = dependencies;
    this.#guard = new AddressGuard({ ...dependencies, limiter: dependencies.addressLimiter });
    this.#crossOrigin = new CrossOrigin(dependencies);
    this.#refusals = new Refusals(dependencies);
    this.#bodyLimits = { bytes: LIMITS.bodyBytes, milliseconds: dependencies.bodyTimeoutMs ?? 10_000 };
  }

  /** Serves one request; never rejects, and answers in every case in which somebody is still there. */
  async serve(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
    params: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const exchange = this.#open(route, request, response, params);
    try {
      sendAnswer(exchange, await this.#answer(exchange));
    } catch (error) {
      await this.#refuse(exchange, error);
    }
    const latencyMs = this.#deps.clock.monotonic() - exchange.startedAt;
    const status = response.headersSent ? response.statusCode : undefined;
    this.#deps.metrics.request(route.id, request.method ?? '', status, latencyMs / 1000);
    this.#deps.log.debug(
      {
        requestId: exchange.context.requestId,
        clientRequestId: wellFormedId(request.headers['x-request-id']),
        route: route.id,
        status: response.statusCode,
        latencyMs,
      },
      'request served',
    );
  }

  #open(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
    params: Readonly<Record<string, string>>,
  ): Exchange {
    const requestId = this.#deps.random.bytes(12).toString('base64url');
    setCommonHeaders(response, requestId, this.#deps.strictTransport);
    return {
      request,
      response,
      route,
      params,
      context: { requestId, address: addressOf(request, this.#deps.trustProxyHops), origin: request.headers.origin },
      startedAt: this.#deps.clock.monotonic(),
      stage: 'address',
      tokenPresented: false,
      identity: undefined,
      crossOriginDecided: false,
    };
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    const { route, request, context, params } = exchange;
    this.#guard.take(exchange);
    exchange.stage = 'access';
    if (request.headers.host === undefined && request.httpVersion === '1.1')
      throw new OpenLockError('invalid_request', 'The Host header is missing.');
    if (route.block === 'before') await this.#guard.refuseBlocked(exchange);
    if (context.origin !== undefined) await this.#crossOrigin.enter(exchange);
    if (route.audience === 'site') exchange.identity = this.#authenticate(exchange);
    if (exchange.identity !== undefined) await this.#admit(exchange, exchange.identity);
    exchange.stage = 'body';
    const body = route.body === undefined ? undefined : await this.#body(exchange);
    exchange.stage = 'work';
    return route.handle({ params, body, context, identity: exchange.identity });
  }

  #authenticate(exchange: Exchange): SiteIdentity {
    const header = exchange.request.headers.authorization;
    if (header === undefined)
      throw new OpenLockError('unauthenticated', 'An access token is needed: Authorization: Bearer <token>.');
    exchange.tokenPresented = true;
    const token = BEARER.exec(header)?.[1];
    if (token === undefined)
      throw new OpenLockError('unauthenticated', 'The Authorization header is not a bearer token.');
    const identity = this.#deps.sites.authenticate(token);
    this.#crossOrigin.requireTokenOrigin(exchange, identity);
    return identity;
  }

  #admit(exchange: Exchange, identity: SiteIdentity): Promise<void> {
    exchange.stage = 'admission';
    return this.#deps.sites.admit(identity, exchange.route.cost);
  }

  async #body(exchange: Exchange): Promise<unknown> {
    const { request, route } = exchange;
    if (route.body === undefined || (route.body.optional === true && !announcesBody(request.headers))) return undefined;
    requireJson(request.headers);
    const json = parseBody(await readBody(request, this.#bodyLimits));
    // Before the schema, so that a website can read what was wrong with its request.
    await this.#crossOrigin.enterWithBody(exchange, json);
    return checkSchema(route.body.schema, json);
  }

  async #refuse(exchange: Exchange, thrown: unknown): Promise<void> {
    if (thrown instanceof ClientGone) return;
    try {
      const error = await this.#guard.noteRefusal(exchange, withRetry(asOpenLockError(thrown)));
      await this.#crossOrigin.enterRefusal(exchange, exchange.stage === 'address');
      this.#refusals.note(exchange, error);
      sendProblem(exchange, error);
    } catch (error) {
      // Telling failed; the connection must not be left hanging.
      this.#deps.log.error({ requestId: exchange.context.requestId, err: error }, 'a refusal could not be sent');
      exchange.response.destroy();
    }
  }
}

/** Every 429 says when to come back (protocol 8.1). */
function withRetry(error: OpenLockError): OpenLockError {
  if (error.code !== 'rate_limited' || error.extras.retryAfterMs !== undefined) return error;
  return new OpenLockError(error.code, error.message, { ...error.extras, retryAfterMs: 1000 });
}

/** An id the client chose goes into our log, if it looks like one, and nowhere else. */
function wellFormedId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : undefined;
}
