import { describe } from 'vitest'
import { SESSIONS } from './redis-outages.ts'
import { isAvailable } from './service.ts'
import { POSTGRES } from './sql.ts'
import { usersIn } from './sql-outages.ts'
import { storeDown } from './store-outages.ts'
import { BAD_RESPONSE, wechatOutages } from './wechat-outages.ts'

// One outage of each kind. The others take long: `*-outages.long.test.ts`.

describe.skipIf(!isAvailable('shared'))('Redis', () => storeDown(SESSIONS))

describe.skipIf(!isAvailable('shared'))('PostgreSQL', () => storeDown(usersIn(POSTGRES)))

describe('WeChat under load', () => {
  wechatOutages([
    { name: 'answers a page', fault: { body: '<html>', headers: { 'content-type': 'text/html' } }, ...BAD_RESPONSE },
  ])
})
