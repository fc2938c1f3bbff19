/**
 * Who caused a change of a user: the phone itself (`user`), the code of the host application (`host`), a program with a token of
 * the service API, a person at the command line, or WeChat's message push.
 */
export type Actor = 'user' | 'host' | 'wechat' | `service:${string}` | `operator:${string}`
