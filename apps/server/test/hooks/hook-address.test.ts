import { expect, test } from 'vitest'
import { isHookAddress } from '../../src/hooks/hook-address.ts'

test.each([
  'https://shop.example.com/hook?key=x',
  'http://127.0.0.1:8080/',
  'http://127.8.9.10/',
  'http://10.0.0.5/hook',
  'http://192.168.1.2/',
  'http://172.16.0.1/',
  'http://172.20.0.1/',
  'http://172.31.255.255/',
  'http://[::1]:8080/',
  'http://[fc00::1]/',
  'http://[fdff:1::1]/',
  'http://[fe80::1]/',
  'http://[febf::1]/',
  'http://localhost:3000/',
  'http://shop/hook',
  'http://shop-1/hook',
  'http://shop.internal/',
  'http://shop.svc.cluster.local/',
  // One of many ways to write 127.0.0.1.
  'http://0x7f.1/',
  'http://shop.local/',
])('signed calls may go to %s', (url) => {
  expect(isHookAddress(url)).toBe(true)
})

test.each([
  'http://shop.example.com/',
  'http://11.0.0.1/',
  'http://110.0.0.1/',
  'http://8.10.0.1/',
  'http://192.169.0.1/',
  'http://172.15.0.1/',
  'http://172.32.0.1/',
  'http://0.0.0.0/',
  'http://169.254.169.254/',
  'http://[2001:db8::1]/',
  'http://[::11]/',
  'http://[fd::1]/',
  'http://[::ffff:8.8.8.8]/',
  'http://[2001:db8:0:1:fc00:1:1:1]/',
  'http://[2001:db8::fd00:1:1]/',
  'http://[fec0::1]/',
  'http://[fe00::1]/',
  'http://10.example.com/',
  'http://internal.example.com/',
  'http://shop.internal.example.com/',
  'http://shop.notlocal/',
  'ftp://10.0.0.1/',
  'https://user@shop.example.com/',
  'https://:password@shop.example.com/',
  'http://user:password@10.0.0.1/',
  'https://shop.example.com/#part',
  'shop.example.com',
  '',
])('user data is not sent to %j', (url) => {
  expect(isHookAddress(url)).toBe(false)
})
