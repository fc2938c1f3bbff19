import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  InternalServerErrorException,
} from '@nestjs/common'

/** The signed-in user. `externalId` is null where the sign-in service knows none. */
export interface Caller {
  userId: string
  sessionId: string
  appid: string
  externalId: string | null
}

interface RequestOfCaller {
  headers: Record<string, string | undefined>
  caller?: Caller
}

/**
 * Lets a request through when it says who sent it: `@UseGuards(CallerGuard)`, then `@CurrentCaller()` on a parameter.
 *
 * nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else can
 * reach this port.
 */
@Injectable()
export class CallerGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<RequestOfCaller>()
    const userId = request.headers['x-auth-user-id']
    if (userId === undefined) {
      // Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
      console.error('a request without X-Auth-User-Id: it did not come through the proxy')
      throw new InternalServerErrorException()
    }
    request.caller = {
      userId,
      sessionId: request.headers['x-auth-session-id'] ?? '',
      appid: request.headers['x-auth-appid'] ?? '',
      externalId: request.headers['x-auth-external-id'] ?? null,
    }
    return true
  }
}

/** Who sent the request, behind {@link CallerGuard}. */
export const CurrentCaller = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<RequestOfCaller>().caller,
)
