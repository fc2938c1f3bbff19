import { isAuthError, type User } from '@weapp-auth/client'
import { auth } from '../../auth'
import { explain } from '../../explain'

interface Product {
  id: string
  name: string
  priceCents: number
}

/** What the page shows: exactly one of these at a time. */
type Status = 'loading' | 'ready' | 'signed-out' | 'error'

const NOTICES: Record<string, string> = {
  signed_out_elsewhere: '你在另一台设备上退出了本机的登录',
  limit: '登录的设备太多，本机已退出登录',
  admin: '你已被管理员下线',
  erased: '账号已注销',
}

Page({
  data: {
    status: 'loading' as Status,
    user: null as User | null,
    products: [] as Product[],
    message: '',
    notice: '',
  },

  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', user: null, products: [], notice: NOTICES[reason] || '' })
    })
    return this.load()
  },

  onShow() {
    const session = auth.getSession()
    if (session) this.setData({ user: session.user })
  },

  onUnload() {
    this.stopListening()
  },

  async onPullDownRefresh() {
    await this.load()
    wx.stopPullDownRefresh()
  },

  /** No login in sight: the request waits for one when there is none, and comes back after one when it has ended. */
  async load() {
    try {
      const { statusCode, data } = await auth.request<{ products: Product[] }>({ url: '/products' })
      const session = auth.getSession()
      if (statusCode !== 200 || !session) return this.fail('unavailable')
      this.setData({ status: 'ready', products: data.products, user: session.user, notice: '' })
    } catch (error) {
      this.fail(isAuthError(error) ? error.code : '')
    }
  },

  fail(code: string) {
    if (code === 'logged_out') this.setData({ status: 'signed-out', user: null, products: [] })
    else this.setData({ status: 'error', message: explain(code) })
  },

  openProfile() {
    wx.navigateTo({ url: '/pages/profile/profile' })
  },
})
