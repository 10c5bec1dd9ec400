/** For each route: a path that leads to it and a body it accepts, with the fakes behind it. */
import type { Route } from '../../../src/http/route.js';
import { COMMAND_ID, DOOR } from './fakes.js';

export const GOOD_BODIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  login: { email: 'a@site.example', website: 'https://site.example' },
  token: { loginId: 'login-1', code: '12345678' },
  refresh: { refreshToken: 'refresh-1' },
  revoke: {},
  challenge: { doorId: DOOR },
  register: { doorId: DOOR, publicKey: 'pem', proof: 'good' },
  submitCommand: { jwe: 'x' },
};

export const pathOf = (route: Route): string => route.path.replace(':doorId', DOOR).replace(':commandId', COMMAND_ID);
