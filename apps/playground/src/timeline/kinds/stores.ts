import type { Kind } from './kind.ts'
import { SOURCES } from './places.ts'

/** What the service asks its stores. */
export const STORE_KINDS = {
  'store.create': {
    name: { zh: '存下会话', en: 'The session is stored' },
    why: {
      zh: '存的是 token 的 SHA-256、用户和到期时间。token 本身服务器不留。',
      en: 'What is stored is the SHA-256 of the token, the user and the expiry. The server does not keep the token itself.',
    },
    source: SOURCES.issue,
  },
  'store.find': {
    name: { zh: '查会话', en: 'The session is looked up' },
    why: {
      zh: '服务器把收到的 token 算成 SHA-256，再去找。查过的结果记两秒，撤销会立刻通知每个进程。',
      en: 'The server hashes the token it got and looks for that. The answer is remembered for two seconds; a revocation reaches every process at once.',
    },
    source: SOURCES.get,
  },
  'store.revoke': {
    name: { zh: '结束会话', en: 'Sessions are ended' },
    why: {
      zh: '会话的位置上留下一块墓碑，写着原因。那台手机下次请求时会知道为什么。',
      en: 'A tombstone with the reason takes the place of the session. The next request of that phone learns why.',
    },
    source: SOURCES.get,
  },
  'store.touch': {
    name: { zh: '续期', en: 'Use is written down' },
    why: {
      zh: '用一次就往后推一次到期时间。最多每十分之一个有效期写一次，不是每个请求都写。',
      en: 'Use moves the expiry on. It is written at most every tenth of the lifetime, not with each request.',
    },
    source: SOURCES.get,
  },
  'store.claim': {
    name: { zh: '占用 code', en: 'The code is claimed' },
    why: {
      zh: '同一个 code 只有一个请求能拿去换，别的进程里也一样。所以 code 绝不会被发送两次。',
      en: 'Of all requests with one code a single one may exchange it, in other processes too. So no code is sent twice.',
    },
    source: SOURCES.spend,
  },
  'store.user': {
    name: { zh: '用户和密钥', en: 'The user and the key' },
    why: {
      zh: 'openid 变成你自己的用户编号，session_key 加密后存进数据库。到这里 openid 就不再往外走了。',
      en: 'The openid becomes a user id of your own, and the session_key is sealed before it is stored. The openid goes no further.',
    },
    source: SOURCES.vault,
  },
  'store.block': {
    name: { zh: '挡住正在进行的登录', en: 'Sign-ins under way are stopped' },
    why: {
      zh: '同一个人可能正在另一台手机上登录。这个标记让那次登录造不出会话，否则注销之后还会有人登录着。',
      en: 'The same person may be signing in on another phone at this moment. The mark keeps that sign-in from making a session; otherwise somebody would stay signed in after the erasure.',
    },
    source: SOURCES.erase,
  },
  'store.erase': {
    name: { zh: '删除用户', en: 'The user is deleted' },
    why: {
      zh: '先做标记，再结束会话，最后删除。中途断电也没关系：有标记的用户谁也登录不了，下次接着删。',
      en: 'First a mark, then the sessions, the user last. A power cut in between does no harm: nobody signs in as a marked user, and the next start goes on.',
    },
    source: SOURCES.eraseStore,
  },
  'store.phone': {
    name: { zh: '手机号', en: 'The phone number' },
    why: {
      zh: '号码加密后存放，靠一个带密钥的摘要来查找。数据库泄露了，也看不到号码。',
      en: 'The number is sealed, and found by a keyed digest. A leaked database shows no numbers.',
    },
    source: SOURCES.phoneStore,
  },
  'store.profile': {
    name: { zh: '用户资料', en: 'The profile' },
    why: {
      zh: '一条语句合并交来的几项：两台手机同时改不同的项，两个都留得住。',
      en: 'One statement merges the fields: of two phones that change different fields at once, both changes stay.',
    },
    source: SOURCES.users,
  },
  'store.other': {
    name: { zh: '问存储', en: 'A question to the stores' },
    why: {
      zh: '服务器在存储里查一件小事。登录之前先问能不能写：不能写就不花掉这个 code。',
      en: 'The server looks something up. Before a sign-in it asks whether the stores can be written: if not, the code is not spent.',
    },
    source: SOURCES.users,
  },
  'store.fail': {
    name: { zh: '存储没有回答', en: 'The store does not answer' },
    why: {
      zh: '查不到和没有会话是两回事：回答 503，不是 401。否则一次 Redis 重启就会让所有人同时登录。',
      en: 'Not reachable is not the same as no session: the answer is 503, not 401. Otherwise one restart of Redis would make everybody log in at once.',
    },
    source: SOURCES.outage,
  },
} satisfies Record<string, Kind>
