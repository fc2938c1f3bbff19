import { expect, it } from 'vitest'
import { createGroups } from '../../src/sockets/groups.ts'

it('members are found by the name of their group, and a removed one is not', () => {
  const groups = createGroups<string>()
  groups.add('alice', 'phone')
  groups.add('alice', 'pad')
  groups.add('bob', 'phone')
  expect([...groups.get('alice')]).toEqual(['phone', 'pad'])
  expect([...groups.get('nobody')]).toEqual([])
  for (const name of ['alice', 'alice', 'nobody']) groups.remove(name, 'phone')
  expect([...groups.all()]).toEqual(['pad', 'phone'])
  groups.remove('alice', 'pad')
  expect([[...groups.get('alice')], [...groups.all()]]).toEqual([[], ['phone']])
})
