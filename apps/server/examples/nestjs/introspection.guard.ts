import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common'
import type { Caller } from './caller.guard.js'
import { findCaller } from './introspection.mjs'

interface GuardedRequest {
  headers: { authorization?: string }
  caller?: Caller
}

/** Takes the place of `CallerGuard` where there is no nginx: asks the sign-in service itself. Answers 401 or 503. */
@Injectable()
export class IntrospectionGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<GuardedRequest>()
    const caller = await findCaller(request.headers.authorization).catch((error: unknown) => {
      console.error(error)
      throw new ServiceUnavailableException()
    })
    if (caller === null) throw new UnauthorizedException()
    request.caller = caller
    return true
  }
}
