import { auth } from '../../auth'
import { explainLogout, type Status, stateOf, UNAVAILABLE } from '../../explain'

interface Product {
  id: string
  name: string
  note: string
  priceCents: number
}

Page({
  data: {
    status: 'loading' as Status,
    message: '',
    products: [] as Product[],
  },

  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', products: [], message: explainLogout(reason) })
    })
    return this.load()
  },

  /** Somebody may have signed in on another page. */
  onShow() {
    if (this.data.status === 'signed-out' && auth.getSession()) this.load()
  },

  onUnload() {
    this.stopListening()
  },

  async onPullDownRefresh() {
    await this.load()
    wx.stopPullDownRefresh()
  },

  openOrders() {
    wx.navigateTo({ url: '/pages/orders/orders' })
  },

  /** No login in sight: the request waits for one when there is none, and comes back after one when it has ended. */
  async load() {
    try {
      const { statusCode, data } = await auth.request<{ products: Product[] }>({ url: '/products' })
      if (statusCode !== 200) return this.setData({ status: 'error', message: UNAVAILABLE })
      if (data.products.length === 0) return this.setData({ status: 'empty', message: '今天的茶卖完了，明早再来' })
      this.setData({ status: 'ready', products: data.products })
    } catch (error) {
      const { status, message } = stateOf(error)
      // The reason of the sign-out, if there was one, is on the screen already.
      if (status === 'signed-out') this.setData({ status, products: [] })
      else this.setData({ status, message })
    }
  },
})
