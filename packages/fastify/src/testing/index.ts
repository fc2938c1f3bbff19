import { accountCases } from './account-cases.ts'
import type { UserStoreCase } from './contract-case.ts'
import { signInCases } from './sign-in-cases.ts'

export type { UserStoreCase } from './contract-case.ts'

/**
 * The contract of a `UserStore`, for a store of your own. It takes a store and no database, and works with every test runner:
 *
 * ```ts
 * import { userStoreCases } from '@weapp-auth/fastify/testing'
 *
 * for (const { title, run } of userStoreCases) it(title, () => run(openMyStore()))
 * ```
 */
export const userStoreCases: readonly UserStoreCase[] = [...signInCases, ...accountCases]
