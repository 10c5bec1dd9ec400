/** Finds the route for a request: a regular expression for the hot ones, Express for all. Serving is the pipeline's. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import express, { type Express, type Request } from 'express';

import type { Pipeline } from './pipeline.js';
import type { Route } from './route.js';
import { BAD_PATH, fallbacksOf, NOT_FOUND } from './routes/fallbacks.js';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export function createRouter(routes: readonly Route[], pipeline: Pipeline): RequestHandler {
  const hot = routes.filter((route) => route.hot).map((route) => ({ route, pattern: patternOf(route.path) }));
  const app = expressApp(routes, pipeline);
  const unrouted = (error: unknown, request: IncomingMessage, response: ServerResponse): void => {
    void pipeline.serve(error === undefined || error === null ? NOT_FOUND : BAD_PATH, request, response);
  };
  return (request, response) => {
    for (const { route, pattern } of hot) {
      if (request.method !== route.method) continue;
      const match = pattern.exec(request.url ?? '');
      if (match !== null) return void pipeline.serve(route, request, response, match.groups);
    }
    // Express types its own request and response; it makes them of Node's.
    const serve = app as unknown as (
      request: IncomingMessage,
      response: ServerResponse,
      next: (error?: unknown) => void,
    ) => void;
    serve(request, response, (error) => unrouted(error, request, response));
  };
}

function expressApp(routes: readonly Route[], pipeline: Pipeline): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  // Addresses are read by addressOf (client-address.ts) alone.
  app.set('trust proxy', false);
  app.enable('case sensitive routing');
  app.enable('strict routing');
  const serve =
    (route: Route) =>
    (request: Request, response: ServerResponse): void => {
      void pipeline.serve(route, request, response, request.params as Record<string, string>);
    };
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    const target = app.route(path);
    for (const route of here) {
      if (route.method === 'GET') target.get(serve(route));
      else if (route.method === 'POST') target.post(serve(route));
      else throw new Error(`${route.id}: ${route.method} is not a method routes are described with`);
    }
    const { options, other } = fallbacksOf(path, here);
    target.options(serve(options));
    target.all(serve(other));
  }
  return app;
}

/** The template as a pattern for paths that need no decoding, with or without a query; all others are left to Express. */
function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replace(/:(\w+)/g, '(?<$1>[A-Za-z0-9_-]+)')}(?:\\?.*)?$`);
}
