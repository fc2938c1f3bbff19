import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as surface from '../src/index.ts'

const PACKAGE = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(PACKAGE, path), 'utf8')

/** The members of an exported interface, by its source. */
function membersOf(path: string, name: string): string[] {
  const body = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(read(path))?.[1]
  if (body === undefined) throw new Error(`${path} has no interface ${name}`)
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?:(]/gm)].map(([, member = '']) => member)
}

const INTERFACES = [
  ['src/world.ts', 'World'],
  ['src/phone-numbers.ts', 'PhoneNumbers'],
  ['src/content-check.ts', 'ContentCheck'],
  ['src/subscriptions.ts', 'Subscriptions'],
  ['src/push.ts', 'Pushes'],
  ['src/wx/device.ts', 'DeviceOptions'],
  ['src/wx/device.ts', 'Device'],
  ['src/wx/lifecycle.ts', 'Lifecycle'],
  ['src/wx/network.ts', 'Network'],
  ['src/wx/storage.ts', 'DeviceStorage'],
  ['src/wx/files.ts', 'DeviceFiles'],
  ['src/wx/choices.ts', 'UserChoices'],
  ['src/wx/answers.ts', 'Answers'],
  ['src/host/launch-app.ts', 'LaunchAppOptions'],
  ['src/host/running-app.ts', 'RunningApp'],
  ['src/clock.ts', 'Clock'],
  ['src/faults.ts', 'Fault'],
  ['src/faults.ts', 'Faults'],
  ['src/ledger.ts', 'Ledger'],
  ['src/proofs.ts', 'Proofs'],
] as const

test.each(['docs/reference.md', 'docs/reference.zh-CN.md'])(
  '%s names every export and every member of what they make',
  (page) => {
    // A name stands in code: alone, called, or in a list of options.
    const named = new Set([...read(page).matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => code.match(/\w+/g) ?? []))
    const members = INTERFACES.flatMap(([path, name]) => membersOf(path, name).map((member) => `${name}.${member}`))
    expect(members.length).toBeGreaterThan(100)
    expect(members.filter((member) => !named.has(member.split('.')[1] ?? ''))).toEqual([])
    expect(Object.keys(surface).filter((name) => !named.has(name))).toEqual([])
  },
)
