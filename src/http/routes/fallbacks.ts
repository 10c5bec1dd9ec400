/** What stands behind the described routes: `OPTIONS`, wrong methods, wrong paths. Routes too, so that the pipeline is one. */
import { OpenLockError } from '../../protocol/problem.js';
import { openRoute, type Route } from '../route.js';

/** `OPTIONS` and every other method of a path that has `routes`. */
export function fallbacksOf(
  path: string,
  routes: readonly Route[],
): { readonly options: Route; readonly other: Route } {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  const allow = [...methods, 'OPTIONS'];
  const common = {
    path,
    audience: 'public',
    // All routes of one path have the same kind of caller.
    crossOrigin: routes[0]?.crossOrigin ?? 'known',
    answers: { 204: { description: 'What may be asked here.' } },
  } as const;
  return {
    options: openRoute({
      ...common,
      method: 'OPTIONS',
      id: 'options',
      summary: 'Preflight',
      allow: methods,
      handle: () => ({ status: 204, headers: { Allow: allow.join(', ') } }),
    }),
    other: openRoute({
      ...common,
      method: 'ANY',
      id: 'methodNotAllowed',
      summary: 'Wrong method',
      handle: () => {
        throw new OpenLockError('method_not_allowed', 'This path does not know the method.', { allow });
      },
    }),
  };
}

export const NOT_FOUND: Route = openRoute({
  method: 'ANY',
  path: '/*path',
  id: 'notFound',
  audience: 'public',
  summary: 'Wrong path',
  answers: {},
  handle: () => {
    throw new OpenLockError('not_found', 'There is nothing at this path.');
  },
});

/** A path Express could not decode, such as `/v1/doors/%zz`. */
export const BAD_PATH: Route = openRoute({
  method: 'ANY',
  path: '/*path',
  id: 'badPath',
  audience: 'public',
  summary: 'Undecodable path',
  answers: {},
  handle: () => {
    throw new OpenLockError('invalid_request', 'The path is not well formed.');
  },
});
