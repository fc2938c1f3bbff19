// Sign-in with a name and a password, beside sign-in by WeChat: the same sessions, the same guard.
//
//   WECHAT_APPID=wx... WECHAT_SECRET=... SESSION_KEY_KEYS=k1:$(openssl rand -base64 32) node own-account.ts
//
// In the mini-program: auth.loginWith({ url: '/accounts/login', data: { name, password } })
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { ApiError, authenticate } from '@weapp-auth/fastify'
import { APPID, createHost } from './host.ts'

/** OWASP's second choice for scrypt: 32 MiB and about 0.2 s, which four sign-ins at once can afford. */
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 }
const Credentials = {
  type: 'object',
  required: ['name', 'password'],
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9_]{3,32}$' },
    password: { type: 'string', minLength: 8, maxLength: 256 },
  },
} as const

const NewPassword = {
  type: 'object',
  required: ['oldPassword', 'password'],
  properties: { oldPassword: { type: 'string', maxLength: 256 }, password: Credentials.properties.password },
} as const

interface Credentials {
  name: string
  password: string
}

const NOBODY = await hashPassword('nobody')

const app = await createHost()
const accounts = new DatabaseSync('accounts.sqlite')
accounts.exec(
  'create table if not exists accounts (name text primary key, password text not null, user_id text not null)',
)

app.post<{ Body: Credentials }>('/accounts', { schema: { body: Credentials } }, async ({ body, headers }, reply) => {
  const password = await hashPassword(body.password)
  const user = await app.weappAuth.createUser()
  const { changes } = accounts
    .prepare('insert or ignore into accounts values (?, ?, ?)')
    .run(body.name, password, user.id)
  if (changes === 0) throw new ApiError('request_invalid', 'taken', { detail: 'this name is taken' })
  // The answer holds a token.
  reply.code(201).header('cache-control', 'no-store')
  return app.weappAuth.issue(user.id, { appid: APPID, isNew: true, authorization: headers.authorization })
})

// Put a rate limit on it, by name and by address (@fastify/rate-limit): passwords are guessed here.
app.post<{ Body: Credentials }>(
  '/accounts/login',
  { schema: { body: Credentials } },
  async ({ body, headers }, reply) => {
    const account = accounts.prepare('select password, user_id from accounts where name = ?').get(body.name)
    // A name that does not exist takes as long as a wrong password, and gets the same answer. Not a 401: that one speaks
    // of the session token and nothing else.
    const isRight = await isPassword(body.password, String(account?.password ?? NOBODY))
    if (!account || !isRight) {
      throw new ApiError('request_invalid', 'wrong name or password', { detail: 'the name or the password is wrong' })
    }
    reply.code(201).header('cache-control', 'no-store')
    // The session that the phone had until now ends with this one.
    return app.weappAuth.issue(String(account.user_id), { appid: APPID, authorization: headers.authorization })
  },
)

// Whoever changed their password does not want to stay signed in elsewhere.
app.put<{ Body: { oldPassword: string; password: string } }>(
  '/accounts/password',
  { onRequest: authenticate, schema: { body: NewPassword } },
  async ({ auth, body }, reply) => {
    // The phone may be in somebody else's hands: a session alone does not change the password.
    const account = accounts.prepare('select password from accounts where user_id = ?').get(auth.userId)
    const isRight = await isPassword(body.oldPassword, String(account?.password ?? NOBODY))
    if (!account || !isRight) {
      throw new ApiError('request_invalid', 'wrong old password', { detail: 'the old password is wrong' })
    }
    const password = await hashPassword(body.password)
    accounts.prepare('update accounts set password = ? where user_id = ?').run(password, auth.userId)
    await app.weappAuth.revokeAll(auth.userId, { reason: 'signed_out_elsewhere' })
    reply.header('cache-control', 'no-store')
    return app.weappAuth.issue(auth.userId, { appid: auth.appid })
  },
)

// With it, whoever signs in by WeChat from then on is in the same account.
app.post<{ Body: { code: string } }>(
  '/accounts/wechat',
  {
    onRequest: authenticate,
    schema: { body: { type: 'object', required: ['code'], properties: { code: { type: 'string', maxLength: 256 } } } },
  },
  async ({ auth, body }) => {
    const result = await app.weappAuth.linkIdentity(auth.userId, APPID, body.code)
    return { linked: result.linked }
  },
)

app.addHook('onClose', async () => accounts.close())
console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000) })}`)

async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return `${salt.toString('base64')}.${(await derive(password, salt)).toString('base64')}`
}

async function isPassword(password: string, stored: string): Promise<boolean> {
  const [salt = '', key = ''] = stored.split('.')
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64')), Buffer.from(key, 'base64'))
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, 32, COST, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
