const BASE_URL = 'https://api.example.com'

// Made by the server and kept in its Redis.
let sessionId = wx.getStorageSync('sessionid')

function login(done) {
  const success = ({ data }) => {
    sessionId = data.sessionid
    wx.setStorageSync('sessionid', sessionId)
    done()
  }
  wx.login({ success: ({ code }) => wx.request({ url: `${BASE_URL}/wx/session?code=${code}`, success }) })
}

export function call(path, callback) {
  if (!sessionId) return login(() => call(path, callback))
  wx.request({ url: BASE_URL + path, header: { sessionid: sessionId }, success: ({ data }) => callback(data) })
}
