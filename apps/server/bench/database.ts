import { randomBytes } from 'node:crypto'
import mysql from 'mysql2/promise'
import pg from 'pg'

/** Makes an empty database on a server, and answers its address. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `bench_${randomBytes(6).toString('hex')}`
  if (serverUrl.startsWith('mysql')) {
    const connection = await mysql.createConnection({ uri: serverUrl })
    await connection.query(`create database ${name} character set utf8mb4`)
    await connection.end()
  } else {
    const client = new pg.Client({ connectionString: serverUrl })
    await client.connect()
    await client.query(`create database ${name}`)
    await client.end()
  }
  return new URL(`/${name}`, serverUrl).href
}
