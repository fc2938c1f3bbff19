import { describe } from 'vitest'
import { isAvailable } from './service.ts'
import { MYSQL } from './sql.ts'
import { sqlOutages, usersIn } from './sql-outages.ts'
import { storeDown, storeOutages } from './store-outages.ts'

describe.skipIf(MYSQL.url === null || !isAvailable('shared'))('MySQL or MariaDB', () => {
  storeDown(usersIn(MYSQL))
  storeOutages(usersIn(MYSQL))
  sqlOutages(MYSQL)
})
