import type { User, UserProfile } from '@weapp-auth/client'
import { auth } from '../../auth'
import { explain, explainLogout, type Status, stateOf, UNAVAILABLE } from '../../explain'

/** Who the user is here: what they typed and chose, the phone number they proved, and where to go from there. */
Page({
  data: {
    status: 'loading' as Status,
    message: '',
    profile: {} as Partial<UserProfile>,
    /** `138****8000`, all that the phone learns of it; empty: there is none. */
    phoneMasked: '',
    /** The picture that was chosen, while it is on its way. */
    uploading: '',
    saving: false,
    saved: '',
  },

  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', profile: {}, phoneMasked: '', message: explainLogout(reason) })
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

  async load() {
    try {
      const { statusCode, data } = await auth.request<{ user: User; phoneMasked?: string }>({ url: '/v1/me' })
      if (statusCode !== 200) return this.setData({ status: 'error', message: UNAVAILABLE })
      const { user, phoneMasked = '' } = data
      this.setData({ status: 'ready', profile: user.profile, phoneMasked, saved: '' })
    } catch (error) {
      const { status, message } = stateOf(error)
      if (status === 'signed-out') this.setData({ status, profile: {}, phoneMasked: '' })
      else this.setData({ status, message })
    }
  },

  /** WeChat hands out neither name nor picture any more: people choose them, with its own controls. */
  async changeAvatar({ detail }: WechatMiniprogram.CustomEvent<{ avatarUrl: string }>) {
    this.setData({ uploading: detail.avatarUrl, saved: '' })
    try {
      const avatarUrl = await auth.updateAvatar(detail.avatarUrl)
      this.setData({ 'profile.avatarUrl': avatarUrl, saved: '头像已更换' })
    } catch (error) {
      this.setData({ saved: `头像没有换成：${explain(error)}` })
    }
    this.setData({ uploading: '' })
  },

  async save({ detail }: WechatMiniprogram.FormSubmit) {
    this.setData({ saving: true, saved: '' })
    try {
      const { profile } = await auth.updateProfile(detail.value as Partial<UserProfile>)
      this.setData({ profile, saved: '已保存' })
    } catch (error) {
      this.setData({ saved: `保存失败：${explain(error)}` })
    }
    this.setData({ saving: false })
  },

  openPhone() {
    const phone = ({ phoneMasked }: { phoneMasked: string }) => this.setData({ phoneMasked })
    wx.navigateTo({ url: '/pages/phone/phone', events: { phone } })
  },

  openDevices() {
    wx.navigateTo({ url: '/pages/devices/devices' })
  },

  openSettings() {
    wx.navigateTo({ url: '/pages/settings/settings' })
  },
})
