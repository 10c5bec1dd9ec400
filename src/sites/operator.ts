/**
 * The built-in site the command line acts as: the machine's own operator (protocol 11.2). No login leads to it, because
 * the ids of registered sites all start with `site_`.
 */
export const OPERATOR_SITE_ID = 'operator';
