const STEPS = (
  'backgroundColor bottom height left matrix matrix3d opacity right rotate rotate3d rotateX rotateY rotateZ scale ' +
  'scale3d scaleX scaleY scaleZ skew skewX skewY top translate translate3d translateX translateY translateZ width'
).split(' ')

interface Timing {
  duration?: number
  timingFunction?: string
  delay?: number
  transformOrigin?: string
}

/** `wx.createAnimation`: writes down the steps; `export` answers what the attribute `animation` takes. Nothing moves. */
export function createAnimation(defaults: Timing = {}): Record<string, unknown> {
  let animates: { type: string; args: unknown[] }[] = []
  let actions: object[] = []

  const animation: Record<string, unknown> = {
    step(own: Timing = {}) {
      const {
        duration = 400,
        timingFunction = 'linear',
        delay = 0,
        transformOrigin = '50% 50% 0',
      } = { ...defaults, ...own }
      actions.push({ animates, option: { transformOrigin, transition: { duration, timingFunction, delay } } })
      animates = []
      return animation
    },
    export() {
      const exported = { actions }
      actions = []
      return exported
    },
  }
  for (const type of STEPS) {
    animation[type] = (...args: unknown[]) => {
      animates.push({ type, args })
      return animation
    }
  }
  return animation
}
