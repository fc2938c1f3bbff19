/**
 * Lets a request through when it says who sent it: `ctx.state.caller`.
 *
 * nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else can
 * reach this port.
 */
export async function requireCaller(ctx, next) {
  const userId = ctx.get('x-auth-user-id')
  // Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
  if (userId === '') throw new Error('a request without X-Auth-User-Id: it did not come through the proxy')
  ctx.state.caller = {
    userId,
    sessionId: ctx.get('x-auth-session-id'),
    appid: ctx.get('x-auth-appid'),
    externalId: ctx.get('x-auth-external-id') || null,
  }
  await next()
}
