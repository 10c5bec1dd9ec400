import type { Mail } from './mailer.js';

/**
 * The mail with a one-time code (protocol 3.1). It names the website, so that nobody passes a code on for another one. Plain
 * ASCII in short lines, with the code alone on its line: every mail program shows it as it is.
 */
export function loginMail(login: {
  readonly email: string;
  readonly origin: string;
  readonly code: string;
  readonly lifeSeconds: number;
}): Mail {
  const { email, origin, code, lifeSeconds } = login;
  return {
    to: email,
    subject: `Your OpenLock login code for ${origin}`,
    text: [
      'Somebody, most likely you, is logging in to OpenLock for the website',
      '',
      `    ${origin}`,
      '',
      'The code is',
      '',
      `    ${code}`,
      '',
      `It works once, for ${Math.round(lifeSeconds / 60)} minutes, and only for the website named above.`,
      'Whoever has it can act for that website: do not pass it on. Nobody from',
      'OpenLock will ever ask you for it.',
      '',
      'You did not ask for this, or do not know that website? Then ignore this',
      'mail: without the code nothing happens. If such mails keep coming, tell',
      'the operator of your OpenLock relay.',
      '',
    ].join('\n'),
  };
}
