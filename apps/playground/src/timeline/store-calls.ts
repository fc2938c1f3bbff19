import type { Text } from '../text.ts'
import type { KindId } from './kinds.ts'

/** What the service asks its stores, by the event of the ledger. */
export const STORE_CALLS: Record<string, { kind: KindId; label: Text; isMinor?: boolean }> = {
  'sessions.create': { kind: 'store.create', label: { zh: '存会话：sha256(token)', en: 'session: sha256(token)' } },
  'sessions.find': { kind: 'store.find', label: { zh: '查会话', en: 'find session' }, isMinor: true },
  'sessions.revoke': { kind: 'store.revoke', label: { zh: '结束会话', en: 'end session' } },
  'sessions.revokeAll': { kind: 'store.revoke', label: { zh: '结束会话', en: 'end sessions' } },
  'sessions.list': { kind: 'store.other', label: { zh: '列出会话', en: 'list sessions' } },
  'sessions.touch': { kind: 'store.touch', label: { zh: '续期', en: 'renew' }, isMinor: true },
  'sessions.claimCode': { kind: 'store.claim', label: { zh: '占用 code', en: 'claim code' }, isMinor: true },
  'sessions.settleCode': { kind: 'store.claim', label: { zh: 'code 已用', en: 'code used' }, isMinor: true },
  'sessions.ping': { kind: 'store.other', label: { zh: '能写吗？', en: 'writable?' }, isMinor: true },
  'users.ping': { kind: 'store.other', label: { zh: '能写吗？', en: 'writable?' }, isMinor: true },
  'users.signIn': { kind: 'store.user', label: { zh: '用户，密钥加密存', en: 'user, key sealed' } },
  'users.prove': { kind: 'store.phone', label: { zh: '手机号，加密存', en: 'number, sealed' } },
  'users.remove': { kind: 'store.phone', label: { zh: '删掉手机号', en: 'number removed' } },
  'users.find': { kind: 'store.other', label: { zh: '查手机号', en: 'find number' }, isMinor: true },
  'users.updateProfile': { kind: 'store.profile', label: { zh: '改资料', en: 'change profile' } },
  'users.beginErasure': { kind: 'store.erase', label: { zh: '标记：正在注销', en: 'mark: being erased' } },
  'sessions.block': { kind: 'store.block', label: { zh: '挡住正在进行的登录', en: 'stop sign-ins under way' } },
  'users.eraseUser': { kind: 'store.erase', label: { zh: '删除用户的一切', en: 'delete all of the user' } },
  'users.findUser': { kind: 'store.other', label: { zh: '查用户', en: 'find user' }, isMinor: true },
  'users.findIdentity': { kind: 'store.other', label: { zh: '查 openid', en: 'find openid' }, isMinor: true },
}
