import { isAuthError, type User, type UserProfile } from '@weapp-auth/client'
import { auth } from '../../auth'
import { explain, explainLogout, type Status, stateOf } from '../../explain'

Page({
  data: {
    status: 'loading' as Status,
    message: '',
    profile: {} as Partial<UserProfile>,
    saving: false,
    saved: '',
  },

  stopListening: () => {},

  onLoad() {
    this.stopListening = auth.on('logout', ({ reason }) => {
      this.setData({ status: 'signed-out', profile: {}, message: explainLogout(reason) })
    })
    return this.load()
  },

  onUnload() {
    this.stopListening()
  },

  async load() {
    try {
      const { statusCode, data } = await auth.request<{ user: User }>({ url: '/v1/me' })
      if (statusCode !== 200) return this.setData({ status: 'error', message: explain('unavailable') })
      this.setData({ status: 'ready', profile: data.user.profile, saved: '' })
    } catch (error) {
      const { status, message } = stateOf(error)
      if (status === 'signed-out') this.setData({ status, profile: {} })
      else this.setData({ status, message })
    }
  },

  /** WeChat hands out neither name nor picture any more: people type them, into its own controls. */
  async save({ detail }: WechatMiniprogram.FormSubmit) {
    this.setData({ saving: true, saved: '' })
    try {
      const { profile } = await auth.updateProfile(detail.value as Partial<UserProfile>)
      this.setData({ profile, saved: '已保存' })
    } catch (error) {
      const reason = isAuthError(error) ? explain(error.code) : explain('')
      this.setData({ saved: `保存失败：${reason}` })
    }
    this.setData({ saving: false })
  },

  openDevices() {
    wx.navigateTo({ url: '/pages/devices/devices' })
  },

  openSettings() {
    wx.navigateTo({ url: '/pages/settings/settings' })
  },
})
