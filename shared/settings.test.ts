import { expect, it } from 'vitest'
import { checkedSettings, defaultsOf } from './settings'

it('takes what is right and leaves the rest at its default', () => {
  expect(checkedSettings('app', { theme: 'dark', closeToTray: 'perhaps', other: 1 })).toEqual({ ...defaultsOf('app'), theme: 'dark' }) // prettier-ignore
})

it('names what is wrong when it is asked to', () => {
  const mirrors = { 'registry-mirrors': ['https://a.example', 'nonsense'] }
  expect(() => checkedSettings('engine', mirrors, true)).toThrow('Mirrors of Docker Hub: A mirror is like')
  expect(() => checkedSettings('engine', { 'max-concurrent-uploads': 0 }, true)).toThrow('A whole number')
  expect(() => checkedSettings('engine', { 'https-proxy': 'proxy:1' }, true)).toThrow('A proxy is like')
  expect(checkedSettings('engine', { 'insecure-registries': ['10.0.0.0/8', 'lan:5000'], 'http-proxy': '' }, true)).toMatchObject({ 'insecure-registries': ['10.0.0.0/8', 'lan:5000'] }) // prettier-ignore
})
