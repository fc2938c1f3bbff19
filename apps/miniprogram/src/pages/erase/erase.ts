import { auth } from '../../auth'
import { explain } from '../../explain'

/** Deletes the account. What that means is said first, and has to be agreed to. */
Page({
  data: { understood: false, erasing: false, message: '' },

  agree({ detail }: WechatMiniprogram.CheckboxGroupChange) {
    this.setData({ understood: detail.value.length > 0 })
  },

  /** After an error the user taps again: an erasure that was begun is finished by that. */
  async erase() {
    this.setData({ erasing: true, message: '' })
    try {
      await auth.eraseUser()
      // Its `logout` listener has said by now that the account is gone.
      wx.switchTab({ url: '/pages/index/index' })
    } catch (error) {
      this.setData({ erasing: false, message: explain(error) })
    }
  },
})
