import { auth } from '../../auth'
import { explainLogout, type Status, stateOf, UNAVAILABLE } from '../../explain'

interface Order {
  number: number
  name: string
  state: 'brewing' | 'ready'
}

/** The pause before the first reconnect, in milliseconds. It doubles up to {@link LONGEST_RETRY_MS} while nothing answers. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

/** Tea that is ordered here, and a socket that says when it is ready. */
Page({
  data: {
    status: 'loading' as Status,
    message: '',
    orders: [] as Order[],
    /** Whether the socket is open: only then does the page change by itself. */
    isLive: false,
    isOrdering: false,
    notice: '',
  },

  socket: null as ReturnType<typeof auth.connectSocket> | null,
  retryMs: FIRST_RETRY_MS,
  retryTimer: 0,
  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', orders: [], notice: '', message: explainLogout(reason) })
    })
  },

  onShow() {
    this.connect()
  },

  /** WeChat closes the sockets of an app in the background a few seconds later; this way the page knows it. */
  onHide() {
    this.disconnect()
  },

  onUnload() {
    this.stopListening()
    this.disconnect()
  },

  /** The button of the states in which the page has no data. */
  load() {
    this.setData({ status: 'loading' })
    this.disconnect()
    this.connect()
  },

  connect() {
    const socket = auth.connectSocket({ url: '/orders/live' })
    this.socket = socket
    socket.onOpen(() => {
      this.retryMs = FIRST_RETRY_MS
      this.setData({ isLive: true })
      // What was pushed while there was no socket is lost; the list has it.
      this.refresh()
    })
    socket.onMessage(({ data }) => this.show((JSON.parse(data as string) as { order: Order }).order))
    socket.onClose(() => {
      if (this.socket === socket) this.reconnect()
    })
  },

  disconnect() {
    clearTimeout(this.retryTimer)
    const { socket } = this
    this.socket = null
    if (socket) socket.close({})
    this.setData({ isLive: false })
  },

  /** Not all at once: when the service restarts, every phone wants to come back in the same moment. */
  async reconnect() {
    this.socket = null
    this.setData({ isLive: false })
    // A socket does not say why it closed, a request does.
    const isSignedIn = await this.refresh()
    if (!isSignedIn || this.socket) return
    this.retryTimer = setTimeout(() => this.connect(), this.retryMs * (0.5 + Math.random()))
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS)
  },

  /** False when nobody is signed in. What is on the page stays while the network is away. */
  async refresh(): Promise<boolean> {
    try {
      const { statusCode, data } = await auth.request<{ orders: Order[] }>({ url: '/orders' })
      if (statusCode === 200) this.showAll(data.orders.map((order) => this.newest(order)))
      else if (this.data.orders.length === 0) this.setData({ status: 'error', message: UNAVAILABLE })
      return true
    } catch (error) {
      const { status, message } = stateOf(error)
      // The reason of the sign-out, if there was one, is on the screen already.
      if (status === 'signed-out') this.setData({ status, orders: [] })
      else if (this.data.orders.length === 0) this.setData({ status, message })
      return status !== 'signed-out'
    }
  },

  async order() {
    this.setData({ isOrdering: true, notice: '' })
    try {
      const { statusCode, data } = await auth.request<{ order: Order }>({ url: '/orders', method: 'POST', data: {} })
      if (statusCode === 201) this.show(data.order)
      else this.setData({ notice: UNAVAILABLE })
    } catch (error) {
      this.setData({ notice: stateOf(error).message })
    }
    this.setData({ isOrdering: false })
  },

  /** Puts an order that is new, or has changed, into the list. */
  show(order: Order) {
    const { orders } = this.data
    const isKnown = orders.some(({ number }) => number === order.number)
    const all = isKnown ? orders : [order].concat(orders)
    this.showAll(all.map((each) => this.newest(each.number === order.number ? order : each)))
  },

  /** What is known of an order: the answer to a request may be older than a push that came before it. */
  newest(order: Order): Order {
    const known = this.data.orders.find(({ number }) => number === order.number)
    return known && known.state === 'ready' ? known : order
  },

  showAll(orders: Order[]) {
    this.setData({ status: orders.length > 0 ? 'ready' : 'empty', orders })
  },
})
