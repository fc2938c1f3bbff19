/** What a login leaves in the trace. */
export const LOGIN = ['wx.login → code', 'jscode2session → openid, session_key', 'POST /v1/sessions → 201']

/** The trace without names, padding, codes and tokens; a scene ends where a line is empty. */
export function scenesOf(output: string, phone = 'phone A'): string[][] {
  const trace = output.slice(output.indexOf(`\n   ${phone}`) + 1)
  return trace
    .split('\n\n')
    .map((scene) => scene.split('\n').filter((line) => line.startsWith('   ')))
    .map((lines) =>
      lines.map((line) =>
        line
          .replace(/^ {3}(phone \w|手机 \w|WeChat|微信)? +/, '')
          .replace(/, (code|token) \S+/, '')
          .replace(/ +→ /, ' → ')
          .replace(/code c\d+$/, 'code')
          .trim(),
      ),
    )
}
