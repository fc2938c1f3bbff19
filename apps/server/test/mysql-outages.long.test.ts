import { describe } from 'vitest'
import { isAvailable } from './service.ts'
import { MYSQL } from './sql.ts'
import { sqlOutages, usersIn } from './sql-outages.ts'
import { storeOutages } from './store-outages.ts'

describe.skipIf(MYSQL.url === null || !isAvailable('shared'))('MySQL or MariaDB', () => {
  storeOutages(usersIn(MYSQL))
  sqlOutages(MYSQL)
})
