/**
 * Lets a request through when it says who sent it: `request.caller`.
 *
 * nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else can
 * reach this port.
 */
export function requireCaller(request, response, next) {
  const userId = request.get('x-auth-user-id')
  if (userId === undefined) {
    // Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
    console.error('a request without X-Auth-User-Id: it did not come through the proxy')
    response.sendStatus(500)
    return
  }
  request.caller = {
    userId,
    sessionId: request.get('x-auth-session-id'),
    appid: request.get('x-auth-appid'),
    externalId: request.get('x-auth-external-id') ?? null,
  }
  next()
}
