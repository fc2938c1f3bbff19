import { expect, test } from 'vitest'
import { startService } from './service.ts'

test('an address that cannot be decoded is a problem too, and is not repeated', async () => {
  const { baseUrl } = await startService('embedded')
  const answer = await fetch(`${baseUrl}/v1/%E0%A4%A`)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const problem = await answer.text()
  expect(JSON.parse(problem)).toMatchObject({ status: 400, code: 'request_invalid' })
  expect(problem).not.toContain('%E0')
})
