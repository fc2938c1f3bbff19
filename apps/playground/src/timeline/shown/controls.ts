import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { Text } from '../../text.ts'
import type { Shown } from '../row.ts'

/** What the reader, or the story, does behind the scenes. */
export function showControl(entry: LedgerEntry): Shown | null {
  const base = { kind: 'control', from: 'phone', to: 'stores', shape: 'cut' } as const
  switch (entry.event) {
    case 'clock.advance': {
      const label = passed(Number(entry.ms))
      return { ...base, label, fold: `clock ${label.en}` }
    }
    case 'session_key.expired':
      return { ...base, label: { zh: '微信的 session_key 失效了', en: 'the session_key dies at WeChat' } }
    case 'store.mode':
      return { ...base, label: storeMode(entry) }
    case 'fault.set':
      return { ...base, label: faultOf(entry) }
    case 'fault.cleared':
      return { ...base, label: { zh: '故障解除', en: 'the fault is gone' } }
    case 'network':
      return entry.online
        ? { ...base, label: { zh: '手机有网了', en: 'the phone is online' } }
        : { ...base, label: { zh: '手机断网', en: 'the phone is offline' } }
    default:
      return null
  }
}

/** What goes wrong, by the first of its properties that says so. */
const FAULTS: Record<string, Text> = {
  hang: { zh: '不回答', en: 'does not answer' },
  reset: { zh: '断开连接', en: 'breaks the connection' },
  errcode: { zh: '回答错误码', en: 'answers an errcode' },
  status: { zh: '回答另一个状态码', en: 'answers another status' },
  errMsg: { zh: '失败', en: 'fails' },
  fromCache: { zh: '给出缓存里的 code', en: 'gives a code from its cache' },
  delayMs: { zh: '变慢', en: 'is slow' },
}

function faultOf({ point, fault }: LedgerEntry): Text {
  const set = String(fault).split(' ')
  const [, how] = Object.entries(FAULTS).find(([property]) => set.includes(property)) ?? []
  return { zh: `故障：${point} ${how?.zh ?? fault}`, en: `fault: ${point} ${how?.en ?? fault}` }
}

function storeMode({ store, mode }: LedgerEntry): Text {
  const name =
    store === 'sessions'
      ? { zh: '会话存储（Redis）', en: 'the session store (Redis)' }
      : { zh: '用户库（SQL）', en: 'the user store (SQL)' }
  const how = {
    up: { zh: '恢复', en: 'is back' },
    down: { zh: '挂了', en: 'is down' },
    slow: { zh: '变慢', en: 'is slow' },
  }
  const { zh, en } = how[mode as keyof typeof how]
  return { zh: `${name.zh}${zh}`, en: `${name.en} ${en}` }
}

function passed(ms: number): Text {
  const [count, zh, en] =
    ms >= 3_600_000 * 48
      ? [ms / 86_400_000, '天', 'days']
      : ms >= 7_200_000
        ? [ms / 3_600_000, '小时', 'hours']
        : ms >= 120_000
          ? [ms / 60_000, '分钟', 'minutes']
          : [ms / 1000, '秒', 'seconds']
  const rounded = Math.round(Number(count))
  return { zh: `${rounded} ${zh}过去了`, en: `${rounded} ${en} pass` }
}
