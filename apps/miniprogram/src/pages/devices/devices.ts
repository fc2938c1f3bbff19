import { auth } from '../../auth'
import { type Status, stateOf, UNAVAILABLE } from '../../explain'

/** As `GET /v1/sessions` lists them. */
interface SessionItem {
  id: string
  createdAt: string
  lastSeenAt: string
  current: boolean
  device?: { model?: string }
}

interface DeviceRow {
  id: string
  name: string
  since: string
  current: boolean
}

Page({
  data: {
    status: 'loading' as Status,
    message: '',
    devices: [] as DeviceRow[],
    notice: '',
  },

  onLoad() {
    return this.load()
  },

  /** Somebody may have signed in on another page. */
  onShow() {
    if (this.data.status === 'signed-out' && auth.getSession()) this.load()
  },

  async load() {
    try {
      const { statusCode, data } = await auth.request<{ sessions: SessionItem[] }>({ url: '/v1/sessions' })
      if (statusCode !== 200) return this.setData({ status: 'error', message: UNAVAILABLE })
      this.setData({ status: 'ready', devices: data.sessions.map(toRow) })
    } catch (error) {
      this.setData(stateOf(error))
    }
  },

  /** The other phone learns it with its next request, and waits for a tap there. */
  end(event: WechatMiniprogram.TouchEvent) {
    return this.change(
      { url: `/v1/sessions/${event.currentTarget.dataset.id}`, method: 'DELETE' },
      () => '已退出那台设备',
    )
  },

  logoutOthers() {
    return this.change({ url: '/v1/sessions?scope=others', method: 'DELETE' }, ({ revoked = 0 }) =>
      revoked > 0 ? `已退出其他 ${revoked} 台设备` : '没有其他已登录的设备',
    )
  },

  async change(request: { url: string; method: 'DELETE' }, told: (data: { revoked?: number }) => string) {
    try {
      const { statusCode, data } = await auth.request<{ revoked?: number }>(request)
      if (statusCode >= 400) return this.setData({ notice: UNAVAILABLE })
      this.setData({ notice: told(data || {}) })
      await this.load()
    } catch (error) {
      const { status, message } = stateOf(error)
      this.setData(status === 'signed-out' ? { status, message } : { notice: message })
    }
  },
})

function toRow({ id, createdAt, current, device }: SessionItem): DeviceRow {
  const name = current ? '本机' : device?.model || '另一台手机'
  return { id, name, since: `${formatTime(createdAt)} 登录`, current }
}

function formatTime(iso: string): string {
  const date = new Date(iso)
  const two = (n: number) => (n < 10 ? `0${n}` : String(n))
  return `${date.getMonth() + 1} 月 ${date.getDate()} 日 ${two(date.getHours())}:${two(date.getMinutes())}`
}
