import { isAuthError, type User, type UserProfile } from '@weapp-auth/client'
import { auth } from '../../auth'
import { explain } from '../../explain'

Page({
  data: {
    profile: {} as Partial<UserProfile>,
    saving: false,
    message: '',
  },

  async onLoad() {
    await this.attempt(async () => {
      const { statusCode, data } = await auth.request<{ user: User }>({ url: '/v1/me' })
      if (statusCode === 200) this.setData({ profile: data.user.profile })
      else this.setData({ message: explain('unavailable') })
    })
  },

  async save({ detail }: WechatMiniprogram.FormSubmit) {
    const profile = Object.assign({}, this.data.profile, detail.value)
    this.setData({ saving: true, message: '' })
    await this.attempt(async () => {
      const { statusCode, data } = await auth.request<{ user: User; detail?: string }>({
        url: '/v1/me/profile',
        method: 'POST',
        data: profile,
      })
      if (statusCode === 200) this.setData({ profile: data.user.profile, message: '已保存' })
      else this.setData({ message: `保存失败：${data.detail || explain('unavailable')}` })
    })
    this.setData({ saving: false })
  },

  async signOutOthers() {
    await this.attempt(async () => {
      const { statusCode, data } = await auth.request<{ revoked: number }>({
        url: '/v1/sessions?scope=others',
        method: 'DELETE',
      })
      if (statusCode !== 200) this.setData({ message: explain('unavailable') })
      else this.setData({ message: data.revoked ? `已退出其他 ${data.revoked} 台设备` : '没有其他已登录的设备' })
    })
  },

  /** Signed out until the next tap on the login button: no request signs in again by itself. */
  async signOut() {
    await auth.logout()
    wx.navigateBack()
  },

  async attempt(work: () => Promise<void>) {
    try {
      await work()
    } catch (error) {
      this.setData({ message: explain(isAuthError(error) ? error.code : '') })
    }
  },
})
