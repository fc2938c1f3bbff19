import 'reflect-metadata'
import { Controller, Get, Module, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type Caller, CallerGuard, CurrentCaller } from './caller.guard.js'

@Controller('api/orders')
@UseGuards(CallerGuard)
class OrdersController {
  /** The orders of whoever asks. */
  @Get()
  list(@CurrentCaller() caller: Caller) {
    return { ordersOf: caller.userId, appid: caller.appid }
  }
}

@Module({ controllers: [OrdersController] })
class AppModule {}

const app = await NestFactory.create(AppModule)
await app.listen(process.env.PORT ?? 8080, '127.0.0.1')
