/** Where the service answers, for each version of the mini-program. */
export const BASE_URLS = {
  develop: 'http://127.0.0.1:3000',
  trial: 'https://staging.example.com',
  release: 'https://api.example.com',
}

/**
 * `silent`: people are signed in when the app opens, as WeChat allows. `tap`: the first sign-in on this phone waits for a
 * tap on the login page, where somebody has to agree to something first.
 */
export const FIRST_SIGN_IN: 'silent' | 'tap' = 'silent'
