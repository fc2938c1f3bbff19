/** What the global set-up hands to every test file: `inject('redisUrl')`. Null where no server can be had. */
declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string | null
    databaseUrl: string | null
    /** MariaDB or MySQL, as its administrator. */
    mysqlUrl: string | null
  }
}

export type {}
