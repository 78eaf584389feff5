import { call } from './http';

/**
 * Who proves a visitor's identity. The shop's server takes RS256 identity tokens of one issuer; a provider's part is to
 * get one. The development issuer is built in. Firebase Authentication, or another, is a second implementation of
 * this interface, chosen in {@link identityProvider}; nothing else in the shop knows which one it is.
 */
export interface IdentityProvider {
  /** @returns an identity token. @throws ApiError when the provider refuses or cannot be reached. */
  signIn(credentials: Credentials): Promise<string>;
}

export interface Credentials {
  email: string;
  name: string;
  /** Ask for an operator's token. The development issuer gives one to anybody; elsewhere the role is given to an account beforehand. */
  admin: boolean;
}

/** Issues a token for any address; present only where the server runs with its development surface. */
class DevelopmentIssuer implements IdentityProvider {
  async signIn({ email, name, admin }: Credentials): Promise<string> {
    const body = { email, ...(name !== '' && { name }), ...(admin && { admin }) };
    const answer = await call<{ idToken: string }>('POST', '/dev/token', { body, leadsToLogin: false });
    return answer.idToken;
  }
}

export function identityProvider(): IdentityProvider {
  return new DevelopmentIssuer();
}
